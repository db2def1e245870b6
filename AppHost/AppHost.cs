using Shop.AppHost.Hosting;
using Shop.AppHost.Resources;

// The whole system on one page. Only where PostgreSQL and RabbitMQ come from differs between machines: containers, or the installed
// programs (SHOP_SERVERS). What runs, restarts and stops the resources is in Hosting/, how servers become resources in Resources/.
return await ShopHost.RunAsync(args, (builder, servers) =>
{
    // Polling, or LogTailing (docs/log-tailing.md): Messaging__Relay=LogTailing ./shop up
    var relay = builder.Configuration["Messaging:Relay"] ?? "Polling";

    var postgres = servers.AddPostgres(builder, "postgres");
    var rabbitmq = servers.AddRabbitMq(builder, "rabbitmq"); // with deploy/rabbitmq/definitions.json: exchanges, queues, users, rights
    var signingKey = builder.AddParameter("signing-key", DevelopmentSecrets.SigningKey(), secret: true);

    // Each service owns one database and communicates with the others only through the broker, so none waits for another.
    List<IResourceBuilder<ServiceResource>> services =
    [
        AddService<Projects.Ordering>("ordering", postgres.AddDatabase("ordering-db", user: "ordering"))
            .WithEnvironment("Messaging__RetiredVersions__0", "ordering.order-placed.v1") // all its consumers understand version 2
            .WithDemoCommands(),
        AddService<Projects.Inventory>("inventory", postgres.AddDatabase("inventory-db", user: "inventory")),
        AddService<Projects.Notification>("notification", postgres.AddDatabase("notification-db", user: "notification"))
            .WithEnvironment("Email__PickupDirectory", builder.Configuration["Email:PickupDirectory"] ?? ShopHome.Path("mail")),
        AddService<Projects.Analytics>("analytics", postgres.AddDatabase("analytics-db", user: "analytics")),
    ];

    // Pages for staff over all four. No database and no broker: it asks the services, and waits for none of them.
    var console = builder.AddService<Projects.Console>("console")
        .WithEnvironment("DevelopmentSignIn__SigningKey", signingKey)
        .WithEnvironment("Dashboard__Url", builder.Configuration["ASPNETCORE_URLS"])
        .WithHttpHealthCheck("/health/ready")
        .WithUrlForEndpoint("http", url => url.DisplayText = "Console");
    services.ForEach(service => console.WithReference(service));

    // A service starts when a run of the same program with the argument "migrate" has prepared its tables, which that one owns.
    IResourceBuilder<ServiceResource> AddService<TProject>(string name, IResourceBuilder<DatabaseResource> database)
        where TProject : IProjectMetadata, new()
    {
        var migrate = builder.AddMigration<TProject>($"{name}-migrate")
            .WithEnvironment("Messaging__Relay", relay)
            .WithDatabase(database, asOwner: true).WaitFor(database)
            .WithBroker(rabbitmq, user: name); // configured like the service; it does not talk to the broker

        return builder.AddService<TProject>(name)
            .WithEnvironment("Messaging__Relay", relay)
            .WithDatabase(database) // changes rows, and nothing else
            .WithBroker(rabbitmq, user: name).WaitFor(rabbitmq)
            .WithEnvironment("Authentication__Schemes__Bearer__ValidIssuer", "shop")
            .WithEnvironment("Authentication__Schemes__Bearer__ValidAudiences__0", "shop")
            .WithEnvironment("Authentication__Schemes__Bearer__SigningKeys__0__Issuer", "shop")
            .WithEnvironment("Authentication__Schemes__Bearer__SigningKeys__0__Value", signingKey)
            .WithHttpHealthCheck("/health/ready")
            .WithDeadLetterCommand()
            .WaitForCompletion(migrate);
    }
});
