using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Shop.AppHost.Resources;

namespace Shop.AppHost.Tests;

/// <summary>What the page describes, as Aspire has understood it; nothing is started.</summary>
public sealed class ModelTests(ModelTests.Page page) : IClassFixture<ModelTests.Page>
{
    private static readonly string[] s_services = ["ordering", "inventory", "notification", "analytics"];

    private readonly IDistributedApplicationTestingBuilder _builder = page.Builder;

    [Fact]
    public async Task Each_service_has_a_database_of_its_own_two_logins_and_a_broker_user_and_waits_for_what_it_needs()
    {
        foreach (var service in s_services)
        {
            var database = Resource<DatabaseResource>($"{service}-db");
            var migrate = Resource<MigrationResource>($"{service}-migrate");
            var program = Resource<ServiceResource>(service);

            Assert.Equal([$"{service}-db", "postgres"], Waits(migrate, WaitType.WaitUntilHealthy).Order());
            Assert.Equal(["rabbitmq"], Waits(program, WaitType.WaitUntilHealthy));
            Assert.Equal([$"{service}-migrate"], Waits(program, WaitType.WaitForCompletion));

            var (own, owners) = (await EnvironmentAsync(program), await EnvironmentAsync(migrate));
            Assert.Contains($"Database={database.Name};Username={service};", own["ConnectionStrings__Database"], StringComparison.Ordinal);
            Assert.Contains($"Database={database.Name};Username={service}-owner;", owners["ConnectionStrings__Database"], StringComparison.Ordinal);
            Assert.StartsWith($"amqp://{service}:", own["ConnectionStrings__rabbitmq"], StringComparison.Ordinal);
            Assert.EndsWith("/shop", own["ConnectionStrings__rabbitmq"], StringComparison.Ordinal);
        }

        Assert.Equal(s_services.Append("console").Order(), _builder.Resources.OfType<ServiceResource>().Select(program => program.Name).Order());
    }

    /// <summary>Whatever shows the model (the dashboard, a manifest) shows names of parameters; those are marked as secret.</summary>
    [Fact]
    public async Task No_secret_is_in_plaintext()
    {
        var secrets = new List<string>();
        foreach (var parameter in _builder.Resources.OfType<ParameterResource>())
        {
            if (parameter.Secret)
            {
                secrets.Add((await parameter.GetValueAsync(TestContext.Current.CancellationToken))!);
            }
        }

        Assert.Equal(2 + s_services.Length * 3 + 1, secrets.Count); // two administrators, three logins a service, the signing key
        foreach (var resource in _builder.Resources.OfType<ExecutableResource>())
        {
            var shown = string.Join('\n', (await EnvironmentAsync(resource)).Values.Concat((await ConfigurationAsync(resource)).Arguments.Select(argument => argument.Value)));
            Assert.All(secrets, secret => Assert.DoesNotContain(secret, shown, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Every_service_has_a_retry_dead_letters_command_and_the_first_has_demo_commands()
    {
        Assert.All(s_services, service => Assert.Contains("retry-dead-letters", Commands(service)));
        Assert.Contains("place-order", Commands("ordering"));
        Assert.Contains("run-demo", Commands("ordering"));
    }

    private T Resource<T>(string name)
        where T : IResource => Assert.IsType<T>(_builder.Resources.Single(resource => resource.Name == name));

    private static IEnumerable<string> Waits(IResource resource, WaitType type) => resource.Annotations.OfType<WaitAnnotation>()
        .Where(wait => wait.WaitType == type).Select(wait => wait.Resource.Name);

    private IEnumerable<string> Commands(string resource) => _builder.Resources.Single(other => other.Name == resource)
        .Annotations.OfType<ResourceCommandAnnotation>().Select(command => command.Name);

    /// <summary>As in a manifest: references instead of values that only a run has.</summary>
    private static async Task<IExecutionConfigurationResult> ConfigurationAsync(IResource resource) =>
        await ExecutionConfigurationBuilder.Create(resource).WithEnvironmentVariablesConfig().WithArgumentsConfig().BuildAsync(
            new DistributedApplicationExecutionContext(DistributedApplicationOperation.Publish),
            NullLogger.Instance,
            TestContext.Current.CancellationToken);

    private static async Task<Dictionary<string, string>> EnvironmentAsync(IResource resource) =>
        (await ConfigurationAsync(resource)).EnvironmentVariables.ToDictionary(variable => variable.Key, variable => variable.Value);

    /// <summary>The page, run to the point where it would start: once, for only one AppHost may use a home.</summary>
    public sealed class Page : IAsyncLifetime
    {
        public IDistributedApplicationTestingBuilder Builder { get; private set; } = null!;

        public async ValueTask InitializeAsync() =>
            Builder = await DistributedApplicationTestingBuilder.CreateAsync<Projects.AppHost>(TestContext.Current.CancellationToken);

        public ValueTask DisposeAsync() => Builder.DisposeAsync();
    }
}
