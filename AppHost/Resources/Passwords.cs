namespace Shop.AppHost.Resources;

internal static class Passwords
{
    /// <summary>
    /// The password of a login of a server, as a secret parameter: made at first use and kept in the home. Letters and digits only: it
    /// goes into URIs.
    /// </summary>
    public static IResourceBuilder<ParameterResource> AddPassword(this IDistributedApplicationBuilder builder, string server, string login)
    {
        var name = $"{server}-{login}-password";
        return builder.Resources.OfType<ParameterResource>().SingleOrDefault(parameter => parameter.Name == name) is { } known
            ? builder.CreateResourceBuilder(known)
            : builder.AddParameter(name, () => DevelopmentSecrets.Password(ShopHome.Path("secrets"), $"{server}-{login}"), secret: true);
    }
}
