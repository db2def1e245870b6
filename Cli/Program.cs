using Shop.Cli;
using Shop.Cli.Demo;

// A new command is one more entry here.
Command[] commands = [TokenCommand.Command, StatusCommand.Command, DownCommand.Command, DemoCommand.Command];

return await CommandLine.RunAsync(commands, args);
