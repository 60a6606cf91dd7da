internal import Billing
package import CivilTime
package import Postgres

/// What delivery has left undone that was due, for its postcondition; empty where nothing is.
package enum NoticesUndone {
    /// Notices whose time had come and that are still only planned, events that nobody was told of, and messages that carry the
    /// mark of an attempt that is over.
    package static func unsent(
        asOf: Instant,
        run: Int64,
        fence: Int64,
        in transaction: Transaction
    ) async throws -> [String] {
        try await transaction.query(NoticesUndoneStatements.unsent, asOf, run, fence).map { try $0.get("what") }
    }
}

/// The statements of what is left undone.
package enum NoticesUndoneStatements {
    static let unsent = Statement(
        "notices.unsent",
        """
        select format('%s notices are due and only planned, %s of them since an hour', count(*),
            count(*) filter (where n.not_before < $1::timestamptz - interval '1 hour')) as what
        from bursar.notice n
        where n.state = 'planned' and n.not_before <= $1 and n.planned_at <= $1
        having count(*) > 0
        union all
        select format('%s events have led to nothing', count(*))
        from bursar.event_unnoticed q join bursar.event e on e.tenant_id = q.tenant_id and e.id = q.event_id and e.at <= $1
        having count(*) > 0
        union all
        select format('%s messages are under way with nobody to send them', count(*))
        from bursar.message m
        where m.state in ('claimed', 'sending') and m.created_at <= $1 and $2::bigint is not null and $3::bigint is not null
        having count(*) > 0
        """
    )

    package static let all = [unsent]
}

/// Every statement of this room's planning and delivery.
package enum NoticeStatements {
    package static let all =
        PlanningStatements.all + DeliveryStatements.all + DeliveryContentStatements.all + LetterQRStatements.all
        + DemoContactStatements.all + DeliveryRecordStatements.all
        + DeliveryRecoveryStatements.all + NoticesUndoneStatements.all + NoticeInspectionStatements.all
        + ExplainedNoticeStatements.all + NoticeForecastStatements.all + NoticeCommands.all.map(\.statement)
}
