import Backup
import BackupVerification
import BakongReconciliation
import Billing
import CallbackVerification
import Command
import Custody
import Dunning
import Engine
import NoticeDelivery
import Notices
import Payments
import Renewals
import RetentionPurge
import Scanner
import Schedules
import Standing
import Suspensions
import Trial
import Webhooks

/// What the jobs of a node work with.
struct JobParts: Sendable {
    var commands = CommandHouse()
    /// Nil for whoever runs none of them.
    var bakong: BakongClient?
    /// The webhook sources in force.
    var sources: @Sendable () -> WebhookSources? = { nil }
    /// The dunning policies in force, with their tenants; nil while the files have had an error since the start.
    var plans: @Sendable () -> [DunningPlan]? = { nil }
    /// What notices are sent with; nil while something of it cannot be used.
    var delivery: @Sendable () -> DeliveryHouse? = { nil }
    /// By which rules subscriptions are suspended, as they are in force now.
    var standing: @Sendable () -> StandingRules = { StandingRules() }
    /// What backups and drills find on this machine; nil for whoever runs none of them.
    var backups: BackupHouse?
    /// The retention policies in force; nil while their file has had an error since the start.
    var retention: @Sendable () -> RetentionPolicies? = { nil }
    /// Whether the job is there that only tests and benches run.
    var trials = false
}

extension JobRegistry {
    /// The jobs that this program knows: one line each.
    static func shipped(_ parts: JobParts) -> JobRegistry {
        let provider: any PaymentProvider = parts.bakong.map { BakongLookups($0) } ?? NoProvider()
        return JobRegistry(
            [
                AnyJob(Renewals()),
                AnyJob(CallbackVerification(reading: WebhookInbox(sources: parts.sources), asking: provider)),
                AnyJob(BakongReconciliation(asking: provider, inspection: PaymentInspection())),
                AnyJob(Dunning(parts.plans)),
                AnyJob(NoticeDelivery(parts.delivery, inspection: NoticeInspection())),
                AnyJob(Suspensions(rules: parts.standing)),
                AnyJob(Backup { parts.backups }),
                AnyJob(
                    BackupVerification({ parts.backups }, invariants: Invariant.shipped, rehearsal: Rehearsal.renew)
                ),
                AnyJob(RetentionPurge(parts.retention)),
                AnyJob(Scanner(SchedulerScan())),
                AnyJob(Command(parts.commands)),
            ] + (parts.trials ? [AnyJob(Trial(TrialLedger()))] : [])
        )
    }

    /// The same, for whoever asks what there is and runs none of it.
    static let shipped = shipped(JobParts())

    /// The same, as this node runs them.
    static func shipped(
        _ settings: Settings,
        bakong: BakongClient,
        sources: @escaping @Sendable () -> WebhookSources?,
        notices: NoticeHouse,
        retention: RetentionKeeper
    ) -> JobRegistry {
        shipped(
            JobParts(
                commands: settings.commandHouse,
                bakong: bakong,
                sources: sources,
                plans: { notices.plans },
                delivery: { notices.delivery },
                standing: { notices.standingRules },
                backups: settings.backups.house,
                retention: { retention.policies },
                trials: settings.environment == .development
            )
        )
    }
}
