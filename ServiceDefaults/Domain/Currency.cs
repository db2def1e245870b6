using System.Collections.Frozen;

namespace Shop.ServiceDefaults.Domain;

/// <summary>A currency of ISO 4217 that has a minor unit, and so can be paid in.</summary>
/// <param name="Code">Three capital letters.</param>
/// <param name="Decimals">The minor unit: how many decimals an amount has that can be paid. 0 (JPY) to 4 (UYW).</param>
public sealed record Currency(string Code, int Decimals)
{
    /// <summary>Whether an amount has no more decimals than can be paid.</summary>
    public bool CanRepresent(decimal amount) => decimal.Round(amount, Decimals) == amount;

    /// <summary>Rounds half to even to the currency's minor unit.</summary>
    public decimal Round(decimal amount) => Scaled(decimal.Round(amount, Decimals, MidpointRounding.ToEven));

    /// <summary>Rounds down to the currency's minor unit.</summary>
    public decimal RoundDown(decimal amount) => Scaled(decimal.Round(amount, Decimals, MidpointRounding.ToNegativeInfinity));

    private decimal Scaled(decimal amount) => amount + new decimal(0, 0, 0, false, (byte)Decimals);
}

/// <summary>The codes of ISO 4217 that have a minor unit.</summary>
public static class Iso4217
{
    /// <summary>The most decimals that any currency has.</summary>
    public const int MaxDecimals = 4;

    /// <summary>
    /// By their minor unit. Made from list one of ISO 4217 (list-one.xml of SIX, its maintenance agency), published 2024-06-25, with
    /// XCG of amendment 176, in force since 2025-03-31. Without a minor unit, and so not here: XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS
    /// XUA XXX.
    /// </summary>
    private static readonly FrozenDictionary<string, Currency> s_all = new (int Decimals, string Codes)[]
    {
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
        (2,
            "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW " +
            "CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR " +
            "ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR " +
            "MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN " +
            "SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
        (4, "CLF UYW"),
    }.SelectMany(group => group.Codes.Split(' '), (group, code) => new Currency(code, group.Decimals)).ToFrozenDictionary(currency => currency.Code);

    /// <summary>All of them.</summary>
    public static IEnumerable<Currency> All => s_all.Values;

    /// <summary>The currency with this code, or null.</summary>
    public static Currency? Find(string code) => s_all.GetValueOrDefault(code);
}
