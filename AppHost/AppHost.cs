// The whole system on one page, in Aspire's own terms. With a container runtime it compiles against Aspire itself; without
// one against Native/, which gives the same calls the same meaning for native processes.
var builder = DistributedApplication.CreateBuilder(args);
builder.AddDockerComposeEnvironment("compose"); // what publishing makes of this page: docs/deploy.md

// Polling, or LogTailing (docs/log-tailing.md): Messaging__Relay=LogTailing ./shop up
var relay = Environment.GetEnvironmentVariable("Messaging__Relay") ?? "Polling";

var postgres = builder.AddPostgres("postgres").WithArgs("-c", "wal_level=logical").WithDataVolume().WithLifetime(ContainerLifetime.Persistent);
var rabbitmq = builder.AddRabbitMQ("rabbitmq").WithDataVolume().WithLifetime(ContainerLifetime.Persistent).WithManagementPlugin()
    .WithDefinitions(); // exchanges, queues, bindings, users and their rights: deploy/rabbitmq/definitions.json
var signingKey = builder.AddParameter("signing-key", DevelopmentSecrets.SigningKey(), secret: true);

// Each service owns one database and meets the others only in the broker, so none waits for another.
AddService<Projects.Ordering>("ordering", postgres.AddDatabase("ordering-db"));
AddService<Projects.Inventory>("inventory", postgres.AddDatabase("inventory-db"));
AddService<Projects.Notification>("notification", postgres.AddDatabase("notification-db"))
    .WithMailDirectory(ShopHome.Path("mail"));
AddService<Projects.Analytics>("analytics", postgres.AddDatabase("analytics-db"));

builder.Build().Run();

// A service starts when a run of the same program with the argument "migrate" has prepared its tables, which that one owns.
IResourceBuilder<ProjectResource> AddService<TProject>(string name, IResourceBuilder<PostgresDatabaseResource> database)
    where TProject : IProjectMetadata, new()
{
    var migrate = builder.AddProject<TProject>($"{name}-migrate", launchProfileName: null)
        .WithArgs("migrate")
        .WithEnvironment("Messaging__Relay", relay)
        .WithReferenceAs(database, user: name, connectionName: "Database", asOwner: true).WaitFor(database)
        .WithReferenceAs(rabbitmq, user: name); // configured like the service; it does not talk to the broker

    return builder.AddProject<TProject>(name)
        .WithEnvironment("Messaging__Relay", relay)
        .WithReferenceAs(database, user: name, connectionName: "Database") // changes rows, and nothing else
        .WithReferenceAs(rabbitmq, user: name).WaitFor(rabbitmq)
        .WithEnvironment("Authentication__Schemes__Bearer__ValidIssuer", "shop")
        .WithEnvironment("Authentication__Schemes__Bearer__ValidAudiences__0", "shop")
        .WithEnvironment("Authentication__Schemes__Bearer__SigningKeys__0__Issuer", "shop")
        .WithEnvironment("Authentication__Schemes__Bearer__SigningKeys__0__Value", signingKey)
        .WithExternalHttpEndpoints()
        .WithHttpHealthCheck("/health/ready")
        .WaitForCompletion(migrate);
}
