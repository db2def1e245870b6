using Shop.Cli;
using Shop.Cli.Contracts;
using Shop.Cli.DeadLetters;
using Shop.Cli.Demo;
using Shop.Cli.Topology;

// A new command is one more entry here.
Command[] commands = [TokenCommand.Command, StatusCommand.Command, DownCommand.Command, DemoCommand.Command, TopologyCommand.Command, ContractsCommand.Command, DeadLettersCommand.Command, OutboxCommand.Command];

return await CommandLine.RunAsync(commands, args);
