using System.ComponentModel.DataAnnotations;

namespace Shop.Analytics.Features.EventLog;

/// <summary>The configuration section <c>Analytics</c>.</summary>
internal sealed class EventLogSettings
{
    /// <summary>
    /// The retention of the log in whole months before the current one; 0 or unset keeps all. The projections keep their figures,
    /// but a rebuild reaches back only as far as the log.
    /// </summary>
    [Range(0, 1200)]
    public int? EventLogRetentionMonths { get; init; }
}
