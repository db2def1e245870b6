using Shop.Console.Features.Contracts;
using Shop.Console.Features.Dashboard;
using Shop.Console.Features.Failed;
using Shop.Console.Features.Invariants;
using Shop.Console.Features.Journey;
using Shop.Console.Features.Outbox;
using Shop.Console.Features.Overview;
using Shop.Console.SignIn;
using Shop.Console.Web;
using Shop.ServiceDefaults.Hosting;

var builder = ServiceHost.CreateBuilder(args);
builder.AddPageDefaults();
builder.AddSignIn();
builder.AddSessionKey();
builder.AddStaffApis();
builder.AddPages();

var app = builder.Build();
app.UsePageDefaults();
app.UsePages();
app.UseAuthentication();
app.UseAuthorization();
app.UseAntiforgery();
app.MapProbes();
app.MapStaticAssets().AllowAnonymous();
app.MapSignIn();

app.MapOverview();
app.MapFailed();
app.MapParked();
app.MapJobs();
app.MapOutbox();
app.MapJourney();
app.MapContracts();
app.MapInvariants();
app.MapDashboard();
await app.RunAsync();
