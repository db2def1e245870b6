namespace Shop.Local.Servers;

/// <summary>A server's program is not installed. The message names the package and the command that installs it.</summary>
internal sealed class ServerMissingException : Exception
{
    public ServerMissingException()
    {
    }

    public ServerMissingException(string message)
        : base(message)
    {
    }

    public ServerMissingException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    public static ServerMissingException For(string server, string package) => new(
        $"{server} is not installed. Install the package '{package}': sudo apt-get install -y --no-install-recommends {package}");
}
