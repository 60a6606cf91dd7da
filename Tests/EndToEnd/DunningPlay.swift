import Glibc
import Postgres
import TestSupport
import Testing

/// A month of dunning on two daemons, of which one is killed now and then, and what lies in the spool afterwards beside what
/// should have been said.
struct DunningPlay {
    let house: House
    let script: DunningScript
    let moments: [DunningScript.Minute]
    let model: DunningModel
    private(set) var daemons: [Daemon] = []
    /// How many daemons were killed, and how many messages that left in doubt.
    private(set) var kills = (count: 0, doubts: 0)

    private var spoolFolder: String { "\(house.folder)/notices" }

    init(_ house: House, payers: Int, everyMinute: Bool) async throws {
        self.house = house
        script = DunningScript(payers: payers)
        moments = DunningScript.moments(everyMinute: everyMinute)
        model = DunningModel(script, moments: moments)
        mkdir("\(house.folder)/schedules/policies", 0o755)
        mkdir("\(house.folder)/schedules/policies/calendars", 0o755)
        write(DunningScript.policyFile, to: "\(house.folder)/schedules/policies/dunning.yaml")
        write(DunningScript.calendarFile, to: "\(house.folder)/schedules/policies/calendars/test.yaml")
        DunningSpool.writeTemplates(to: "\(house.folder)/templates")
        try await house.database.setUp(Self.world(script))
    }

    /// Starts both daemons, and plays all of it with so many kills at moments at which something is said.
    mutating func run(kills wanted: Int, _ chance: inout SplitMix) async throws {
        for name in ["a", "b"] { daemons.append(try daemon(name)) }
        for daemon in daemons { try await daemon.ready() }
        let busiest = model.busy.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key).prefix(4 * wanted)
        let victims = Set(busiest.shuffled(using: &chance).prefix(wanted))
        var happenings = Self.happenings(script)[...]
        for moment in moments {
            while let next = happenings.first, next.at <= moment {
                try await house.query("do $$ begin \(Self.clock(moment)); perform \(next.act); end $$")
                happenings.removeFirst()
            }
            let isRenewing = moment % DunningScript.dayLength == 5
            let jobs = (isRenewing ? ["renewals"] : []) + ["dunning", "notice-delivery"]
            if victims.contains(moment) {
                if isRenewing { try await step(moment, ["renewals"]) }
                let point = ["running", "claimed", "sending", "sending", "sending", "accepted"].randomElement(
                    using: &chance
                )
                let isPlanning = Int.random(in: 0..<6, using: &chance) == 0
                try await stepWithKill(moment, "dunning", isPlanning ? "running" : nil)
                try await stepWithKill(moment, "notice-delivery", isPlanning ? nil : point)
            } else {
                try await step(moment, jobs)
            }
        }
    }

    private func daemon(_ name: String) throws -> Daemon {
        try house.daemon(
            name,
            settings: [
                "BURSAR_NOTICES_FOLDER": spoolFolder, "BURSAR_NOTICES_TEMPLATES": "\(house.folder)/templates",
                "BURSAR_NODE_LEASE": "1s",
            ]
        )
    }

    /// Moves business time and runs these jobs one after the other, each to its end.
    private func step(_ moment: DunningScript.Minute, _ jobs: [String]) async throws {
        let isFresh = !DunningScript.stale.contains(moment)
        let list = jobs.map { "'\($0)'" }.joined(separator: ", ")
        try await house.query("call play.step(\(DunningScript.instant(moment)), \(isFresh), array[\(list)])")
    }

    /// The same with one job; the node that works on it is killed at a point of it, where there is one, and started again.
    private mutating func stepWithKill(_ moment: DunningScript.Minute, _ job: String, _ point: String?) async throws {
        guard let point else { return try await step(moment, [job]) }
        let house = house
        let daemons = daemons
        async let killed = Self.kill(daemons, in: house, job, point)
        async let stepped: Void = step(moment, [job])
        let (pid, doubts) = try await killed
        if let place = daemons.firstIndex(where: { $0.process.pid == pid }) {
            kills.count += 1
            kills.doubts += doubts
            self.daemons[place] = try daemon(daemons[place].name)
        }
        try await stepped
        for daemon in self.daemons { try await daemon.ready() }
    }

    /// Kills the daemon that is at a point of a job; what it is sending meanwhile it cannot record.
    ///
    /// - Returns: its process, 0 for none, and how many messages it was sending.
    private static func kill(
        _ daemons: [Daemon],
        in house: House,
        _ job: String,
        _ point: String
    ) async throws -> (pid: Int32, doubts: Int) {
        try await house.books.withConnection { connection in
            try await connection.query(Statement("play.begin", "begin"))
            if point == "sending" {
                // It sends, and cannot record how that ended.
                let lock = "lock table bursar.message_attempt in share row exclusive mode"
                try await connection.query(Statement("play.lock", lock))
            }
            let rows = try await connection.query(Statement("play.catch", "select play.catch($1, $2)"), job, point)
            let pid: Int32 = try rows.first?.get(0) ?? 0
            let victim = daemons.first { $0.process.pid == pid }?.process
            victim?.signal(SIGKILL)
            try await victim?.end()
            let sending = try await connection.query(
                Statement("play.sending", "select count(*) from bursar.message where state = 'sending'")
            )
            try await connection.query(Statement("play.end", "rollback"))
            return (pid, try sending.first?.get(0) ?? 0)
        }
    }
}

// MARK: What must be true in the end

extension DunningPlay {
    func compare(_ seed: Comment) async throws {
        let last = (moments.last ?? 0) + 2
        // What time alone changes of subscriptions is done before the books are looked at.
        try await step(last, ["renewals", "notice-delivery"])
        let runs = try await house.list("select distinct state from bursar.run_history")
        #expect(runs == ["succeeded"], seed)
        let spool = DunningSpool(folder: spoolFolder)
        try await compareLetters(spool, seed)
        try await compareTimes(spool, seed)
        try await compareRecords(spool, seed)

        let before = try await fingerprint()
        try await step(last + 1, ["notice-delivery"])
        #expect(try await fingerprint() == before, "a second delivery changed something; \(seed)")
        #expect(DunningSpool(folder: spoolFolder).messageIDs.count == spool.messageIDs.count, seed)
        let verified = try await house.bursar("verify")
        #expect(verified.status == 0, "\(verified); \(seed)")
        print(
            "\(moments.count) moments, \(spool.letters.count) letters of dunning and \(spool.others) receipts;",
            "\(model.superseded) steps passed over; \(kills.count) kills left \(kills.doubts) messages in doubt"
        )
    }

    /// The spool says what the plan says, and says it once.
    private func compareLetters(_ spool: DunningSpool, _ seed: Comment) async throws {
        let numbers = try await house.list(
            """
            select i.number || ' ' || s.external_ref
            from bursar.invoice i
            join bursar.receivable r on r.tenant_id = i.tenant_id and r.invoice_id = i.id
            join bursar.subscription s on s.tenant_id = r.tenant_id and s.id = r.subscription_id
            """
        )
        #expect(numbers.count == script.invoices.count, seed)
        let references = Dictionary(
            uniqueKeysWithValues: numbers.map { line in
                let parts = line.split(separator: " ").map(String.init)
                return (parts[0], parts[1])
            }
        )
        var said: [DunningModel.Key: [Set<String>]] = [:]
        for letter in spool.letters {
            let payer = Int(letter.tenant.dropFirst("Tenant ".count)) ?? -1
            let `class` = ["overdue", "final"].contains(letter.category) ? "mandatory" : "optional"
            let local = minute(letter) + (script.payers.indices.contains(payer) ? script.payers[payer].ahead : 0)
            let key = DunningModel.Key(
                payer: payer,
                channel: letter.channel,
                class: `class`,
                day: local / DunningScript.dayLength
            )
            said[key, default: []].append(Set(letter.invoices.map { references[$0] ?? $0 }))
        }
        #expect(said.filter { $1.count > 1 }.keys.sorted() == [], "more than one message a day; \(seed)")
        for key in Set(said.keys).union(model.letters.keys).sorted() {
            let (is_, should) = (said[key]?.first, model.letters[key])
            #expect(is_ == should, "\(key); \(seed)")
        }
        let twice = Dictionary(grouping: spool.messageIDs) { $0 }.filter { $1.count > 1 || $0.isEmpty }.keys.sorted()
        #expect(twice == [], "Message-IDs twice; \(seed)")
    }

    /// Nobody was disturbed in the night or on a holiday, or asked for what was paid.
    private func compareTimes(_ spool: DunningSpool, _ seed: Comment) async throws {
        let paid = Dictionary(uniqueKeysWithValues: script.invoices.map { ($0.reference, $0.paid) })
        let references = try await house.query(
            """
            select i.number, s.external_ref as reference
            from bursar.invoice i
            join bursar.receivable r on r.tenant_id = i.tenant_id and r.invoice_id = i.id
            join bursar.subscription s on s.tenant_id = r.tenant_id and s.id = r.subscription_id
            """
        )
        var ends: [String: Int] = [:]
        for row in references {
            let reference: String = try row.get("reference")
            if let end = paid[reference] ?? nil { ends[try row.get("number")] = end }
        }
        for letter in spool.letters {
            let payer = Int(letter.tenant.dropFirst("Tenant ".count)).flatMap {
                script.payers.indices.contains($0) ? script.payers[$0] : nil
            }
            let moment = minute(letter)
            #expect(!DunningModel.isQuiet(moment + (payer?.ahead ?? 0)), "\(letter); \(seed)")
            #expect(
                letter.invoices.filter { number in ends[number].map { moment > $0 } ?? false } == [],
                "\(letter); \(seed)"
            )
        }
    }

    /// What the database says was accepted is what lies there, and every notice has come to an end with a reason.
    private func compareRecords(_ spool: DunningSpool, _ seed: Comment) async throws {
        let accepted = try await house.list("select message_id from bursar.message where state = 'accepted' order by 1")
        #expect(accepted == spool.messageIDs.sorted(), seed)
        let open = try await house.list(
            """
            select n.state || ' ' || coalesce(n.reason, '') from bursar.notice n
            where n.state in ('claimed', 'unknown') or (n.state <> 'accepted' and n.reason is null)
            """
        )
        #expect(open == [], seed)
        let untold: Int = try await house.value(
            """
            select count(*) from bursar.event e
            where e.kind in (select kind from bursar.noticed_kind)
                and 1 <> (select count(*) from bursar.notice n where n.tenant_id = e.tenant_id and n.event_id = e.id and n.state = 'accepted')
            """
        )
        #expect(untold == 0, "events that were not told once; \(seed)")
    }

    private func fingerprint() async throws -> String {
        try await house.value(
            """
            select md5(string_agg(part, '|')) from (
                select (select string_agg(concat(id, state, reason, message_id), ',' order by id) from bursar.notice) as part
                union all select (select string_agg(concat(id, state, attempts, accepted_at), ',' order by id) from bursar.message)
                union all select (select count(*)::text from bursar.message_attempt)
            ) as parts
            """
        )
    }

    /// The letter's time in the script's minutes.
    private func minute(_ letter: DunningSpool.Letter) -> Int {
        // 1 March 2026 in Phnom Penh is 28 February 17:00 UTC.
        (letter.date - 1_772_298_000) / 60
    }
}
