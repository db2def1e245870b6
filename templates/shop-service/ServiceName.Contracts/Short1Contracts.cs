namespace ServiceName.Contracts;

/// <summary>The assembly of the events that other services may know: the only project of this service that they reference.</summary>
public static class Short1Contracts;
