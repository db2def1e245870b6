using Shop.Benchmarks;
using Shop.Peers;
using Shop.Peers.Model;
using Shop.Peers.Reports;

if (args is [PeerProcess.Serve, { } kind, { } database, { } broker])
{
    return await PeerProcess.RunAsync(kind, database, new Uri(broker));
}

// ./shop bench has the help, and passes these arguments.
return await new BenchProgram(PeerCatalog.All, "--table", TableReport.Write, "Benchmarks", "Wolverine", "Wolverine.RabbitMQ", "DotNetCore.CAP").RunAsync(args);
