using Shop.Cli;
using Shop.Cli.Concepts;
using Shop.Cli.Contracts;
using Shop.Cli.DeadLetters;
using Shop.Cli.Demo;
using Shop.Cli.Exercises;
using Shop.Cli.Journey;
using Shop.Cli.Mutations;
using Shop.Cli.Running;
using Shop.Cli.Setup;
using Shop.Cli.Topology;

// A new command is one more entry here; help shows them in this order.
return await ShopCommandLine.RunAsync(
[
    UpCommand.Create(),
    StatusCommand.Create(),
    LogsCommand.Create(),
    DownCommand.Create(),
    ResetCommand.Create(),
    EnvCommand.Create(),
    TokenCommand.Create(),
    DemoCommand.Create(),
    JourneyCommand.Create(),
    DeadLettersCommand.Create(),
    OutboxCommand.Create(),
    ContractsCommand.Create(),
    TopologyCommand.Create(),
    TestCommand.Create(),
    FuzzCommand.Create(),
    MutateCommand.Create(),
    BreakCommand.Create(),
    ConceptsCommand.Create(),
    BenchCommand.Create(),
    PackCommand.Create(),
    ImagesCommand.Create(),
], args);
