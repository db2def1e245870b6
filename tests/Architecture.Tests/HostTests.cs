using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Mono.Cecil;
using Shop.ServiceDefaults.Domain;
using Shop.ServiceDefaults.Hosting;

namespace Shop.Architecture.Tests;

/// <summary>What a service does at its start, and leaves alone.</summary>
public sealed class HostTests
{
    public static TheoryData<string> Programs { get; } =
        [.. Directory.EnumerateFiles(Path.Combine(Code.Repository, "services"), "Program.cs", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(Code.Repository, file))];

    /// <summary>A watcher takes an inotify instance: a user has 128 of them on a machine, and the next process would abort with a stack trace.</summary>
    [Theory]
    [MemberData(nameof(Programs))]
    public void A_service_is_built_without_watching_files(string program) =>
        Assert.Contains("var builder = ServiceHost.CreateBuilder(args);", File.ReadAllText(Path.Combine(Code.Repository, program)), StringComparison.Ordinal);

    [Fact]
    public void A_service_of_the_template_is_built_without_watching_files() => Assert.Contains(
        "WebApplication.CreateBuilder([.. args, \"--hostBuilder:reloadConfigOnChange=false\"])",
        File.ReadAllText(Path.Combine(Code.Repository, "templates", "shop-service", "ServiceName", "Program.cs")), StringComparison.Ordinal);

    [Fact]
    public void The_builder_watches_no_file_and_that_of_the_framework_does()
    {
        Assert.False(Watches(ServiceHost.CreateBuilder([])));
        Assert.True(Watches(WebApplication.CreateBuilder([])));
    }

    /// <summary>Binding an endpoint at the start, with code that is made and compiled then, costs a service 4 to 5 MB and a third of a second.</summary>
    [Fact]
    public void Endpoints_are_bound_by_generated_code()
    {
        var calls = Code.Services.Select(Code.Service).Append(Code.Of<Currency>()).SelectMany(Code.AllTypes)
            .SelectMany(type => type.Methods).Where(method => method.HasBody)
            .SelectMany(method => method.Body.Instructions.Select(instruction => (By: method.FullName, To: instruction.Operand as MethodReference)))
            .Where(call => call.To is { DeclaringType.Name: nameof(EndpointRouteBuilderExtensions) }
                && call.To.Parameters.Any(parameter => parameter.ParameterType.FullName == "System.Delegate"))
            .Select(call => $"{call.By} calls {call.To!.Name}");

        Assert.Empty(calls);
    }

    [Fact]
    public void A_service_makes_no_key_ring()
    {
        var framework = WebApplication.CreateBuilder([]);
        framework.Services.AddAuthentication();
        var service = ServiceHost.CreateBuilder([]);
        service.AddServiceDefaults<DbContext>();

        Assert.True(MakesKeyRing(framework));
        Assert.False(MakesKeyRing(service));
    }

    private static bool MakesKeyRing(WebApplicationBuilder builder) => builder.Services.Any(
        service => service.ServiceType == typeof(IHostedService) && service.ImplementationType?.Assembly == typeof(IDataProtectionBuilder).Assembly);

    private static bool Watches(WebApplicationBuilder builder) =>
        ((IConfigurationBuilder)builder.Configuration).Sources.OfType<FileConfigurationSource>().Any(source => source.ReloadOnChange);
}
