using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Shop.Notification.Features.Deliver;

/// <summary>
/// Trusts, beside the machine's authorities, those of <see cref="EmailSettings.CaFile"/>, for the conversations of one sender
/// only. The certificate must still be for the server's name and in date. SmtpClient takes no such thing itself, only a callback of the whole
/// process, which therefore asks whose conversation it is.
/// </summary>
internal sealed class SmtpTrust
{
    private static readonly AsyncLocal<SmtpTrust?> s_current = new();

    private readonly X509Certificate2Collection _authorities = [];

#pragma warning disable SYSLIB0014 // ServicePointManager is obsolete for HTTP; SmtpClient still takes its callback, and nothing else
    static SmtpTrust() => ServicePointManager.ServerCertificateValidationCallback = IsTrusted;
#pragma warning restore SYSLIB0014

    public SmtpTrust(string? caFile)
    {
        if (!string.IsNullOrEmpty(caFile))
        {
            _authorities.ImportFromPemFile(caFile);
        }
    }

    /// <summary>From here on, in this flow of control only, TLS conversations of SmtpClient go by this.</summary>
    public void Apply() => s_current.Value = this;

    private static bool IsTrusted(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (errors == SslPolicyErrors.None)
        {
            return true;
        }

        if (errors != SslPolicyErrors.RemoteCertificateChainErrors || certificate is null || s_current.Value is not { _authorities.Count: > 0 } trust)
        {
            return false;
        }

        using var own = new X509Chain();
        own.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        own.ChainPolicy.CustomTrustStore.AddRange(trust._authorities);
        own.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck; // an authority of one's own rarely answers such questions
        own.ChainPolicy.ApplicationPolicy.Add(new System.Security.Cryptography.Oid("1.3.6.1.5.5.7.3.1")); // for servers
        foreach (var element in chain?.ChainElements ?? Enumerable.Empty<X509ChainElement>())
        {
            own.ChainPolicy.ExtraStore.Add(element.Certificate);
        }

        using var leaf = X509CertificateLoader.LoadCertificate(certificate.GetRawCertData());
        return own.Build(leaf);
    }
}
