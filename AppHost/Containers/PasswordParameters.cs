namespace Shop.AppHost.Containers;

/// <summary>Passwords of logins, as parameters: never written into what is published, which has a variable in their place.</summary>
internal static class PasswordParameters
{
    /// <summary>
    /// The password of a login of a server. On this machine it is made at first use and kept; where published files run, whoever runs
    /// them gives it, in letters and digits: it goes into URIs.
    /// </summary>
    public static IResourceBuilder<ParameterResource> PasswordOf(this IDistributedApplicationBuilder app, string server, string login)
    {
        var name = $"{server}-{login}-password";
        return app.Resources.OfType<ParameterResource>().SingleOrDefault(parameter => parameter.Name == name) is { } known
            ? app.CreateResourceBuilder(known)
            : app.AddParameter(name, () => DevelopmentSecrets.Password(ShopHome.Path("secrets"), $"{server}-{login}"), secret: true);
    }

    /// <summary>A login's name as part of the name of an environment variable.</summary>
    public static string AsVariable(string login) => login.ToUpperInvariant().Replace('-', '_');
}
