// A process that one test starts inherits what another has open, until it executes its program: a port is still taken, a script cannot run.
// And an AppHost leaves nothing of its home running, so one test would end what another has started.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
