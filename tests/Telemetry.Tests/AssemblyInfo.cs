// Each test runs whole shops with much concurrency: two in parallel would test the machine.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
