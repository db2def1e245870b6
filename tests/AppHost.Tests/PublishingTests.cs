using Shop.AppHost.Native.Model;

namespace Shop.AppHost.Tests;

public class PublishingTests
{
    [Theory]
    [InlineData("--operation", "publish", "--step", "publish", "--output-path", "out")]
    [InlineData("--operation=Publish")]
    [InlineData("--publisher", "docker-compose")]
    [InlineData("--step", "deploy")]
    public void Who_asks_the_native_profile_to_publish_is_refused(params string[] args) =>
        Assert.True(DistributedApplication.IsPublishing(args));

    [Theory]
    [InlineData]
    [InlineData("--operation", "run")]
    [InlineData("--urls", "http://localhost:1")]
    public void Who_does_not_is_not(params string[] args) => Assert.False(DistributedApplication.IsPublishing(args));
}
