// Each test runs a whole shop.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
