using System.ComponentModel.DataAnnotations;

namespace Shop.Analytics.Features.EventLog;

/// <summary>The section <c>Analytics</c> of the configuration.</summary>
internal sealed class EventLogSettings
{
    /// <summary>
    /// How many whole months of the log are kept beside the current one; 0 or nothing keeps all. The projections keep their figures,
    /// but a rebuild reaches back only as far as the log.
    /// </summary>
    [Range(0, 1200)]
    public int? EventLogRetentionMonths { get; init; }
}
