using Shop.Benchmarks;
using Shop.Benchmarks.Reports;

// ./shop bench has the help, and passes these arguments.
return await new BenchProgram(Catalog.All, "--chart", ChartReport.Write).RunAsync(args);
