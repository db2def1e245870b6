// Each test runs whole shops and is about many things at once: two of them at the same time would be about the machine.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
