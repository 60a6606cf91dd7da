import Postgres

/// The least that anybody could do: a chunk's rows are copied from sheets that hold them ready, table by table.
///
/// The sheets are the rows as a real run has written them, in the order of the subscriptions.
enum BareInserts {
    /// One script a sheet; `chunk` subscriptions are worked at once.
    static func sheets(chunk: Int) -> [String] {
        let place = """
            create table bench.place as
            select tenant_id, id, (row_number() over (order by id) - 1) / \(chunk) as chunk
            from bench.subscription_before;
            create index on bench.place (tenant_id, id);
            analyze bench.place;
            """
        let ofSubscription = ["period", "invoice", "invoice_line", "receivable"].map { table in
            sheet(table, "\(table) r", "r.tenant_id = place.tenant_id and r.subscription_id = place.id")
        }
        let ofInvoice = [
            ("event", "r.subject_id"), ("audit_entry", "substr(r.object, length('invoice:') + 1)::bigint"),
        ].map { table, invoice in
            sheet(
                table,
                "\(table) r join bursar.invoice i on i.tenant_id = r.tenant_id and i.id = \(invoice)",
                "r.run_id is not null and i.tenant_id = place.tenant_id and i.subscription_id = place.id"
            )
        }
        let moved = sheet("subscription", "subscription r", "r.tenant_id = place.tenant_id and r.id = place.id")
        return [place] + ofSubscription + ofInvoice + [moved]
    }

    private static func sheet(_ table: String, _ source: String, _ condition: String) -> String {
        """
        create table bench.\(table) as
        select place.chunk, r.* from bench.place join bursar.\(source) on \(condition) order by place.id;
        create index on bench.\(table) (chunk);
        """
    }

    /// The columns of the clones that a sheet gives; numbers of rows that nothing refers to are made anew.
    static let columns = Statement(
        "bench.columns",
        """
        select c.relname as name, string_agg(quote_ident(a.attname), ', ' order by a.attnum) as columns
        from pg_attribute a
        join pg_class c on c.oid = a.attrelid
        where c.relnamespace = 'bare'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
            and not (c.relname in ('event', 'audit_entry') and a.attname = 'id')
        group by c.relname
        """
    )

    /// The statements of a chunk, `$1`, in the order of the real ones; the columns are given by table.
    static func chunkStatements(_ columns: [String: String]) -> [Statement] {
        let inserted = ["invoice", "invoice_line", "receivable", "event", "audit_entry"]
        return [insertion("period", columns), numbers] + inserted.map { insertion($0, columns) } + [advance]
    }

    private static func insertion(_ table: String, _ columns: [String: String]) -> Statement {
        let list = columns[table] ?? ""
        return Statement(
            "bare.\(table)",
            """
            insert into bare.\(table) (\(list)) overriding system value
            select \(list) from bench.\(table) where chunk = $1::bigint
            """
        )
    }

    private static let numbers = Statement(
        "bare.numbers",
        """
        insert into bare.number_series as series (issuer_id, series, year, last_number)
        select issuer_id, series, year, count(*) from bench.invoice where chunk = $1::bigint
        group by issuer_id, series, year
        on conflict (issuer_id, series, year) do update set last_number = series.last_number + excluded.last_number
        """
    )

    private static let advance = Statement(
        "bare.advance",
        """
        update bare.subscription s
        set schedule_version = moved.schedule_version, plan_version_id = moved.plan_version_id, next_k = moved.next_k,
            next_part = moved.next_part, next_from = moved.next_from, issue_on = moved.issue_on,
            charged_through = moved.charged_through
        from bench.subscription as moved
        where moved.chunk = $1::bigint and s.tenant_id = moved.tenant_id and s.id = moved.id
        """
    )
}
