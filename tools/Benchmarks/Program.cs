using Shop.Benchmarks;
using Shop.Benchmarks.Model;
using Shop.Benchmarks.Reports;

if (args is [PartProcess.Word, { } part, { } address, { } database, { } broker])
{
    return await PartProcess.RunAsync(Enum.Parse<Part>(part), new Uri(address), database, new Uri(broker));
}

// ./shop bench has the help, and passes these arguments.
return await new BenchProgram(Catalog.All, "--chart", ChartReport.Write).RunAsync(args);
