using Shop.Cli;

// A new command is one more entry here.
Command[] commands = [TokenCommand.Command, StatusCommand.Command, DownCommand.Command];

return await CommandLine.RunAsync(commands, args);
