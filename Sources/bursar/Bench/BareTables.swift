/// The tables of the bare runs.
///
/// Schema `bare` holds a clone of every table that a run writes, with the constraints, indexes, triggers and storage of the
/// original, foreign keys among the clones included. Schema `bench` holds what is known beforehand.
enum BareTables {
    /// What a run writes, and which of the rows are its own.
    static let written = [
        ("subscription", "true"), ("period", "true"), ("number_series", "true"), ("invoice", "true"),
        ("invoice_line", "true"), ("receivable", "true"), ("event", "run_id is not null"),
        ("audit_entry", "run_id is not null"),
    ]

    static let rowsBefore = """
        create schema bench;
        create table bench.subscription_before as select * from bursar.subscription;
        """

    static let clones = clones(
        of: [
            "subscription", "subscription_schedule", "period", "number_series", "invoice", "invoice_line", "receivable",
            "event",
            "audit_entry",
        ],
        filledBy: """
            insert into bare.subscription overriding system value select * from bench.subscription_before order by id;
            insert into bare.subscription_schedule select * from bursar.subscription_schedule order by subscription_id;
            """
    )

    /// Clones of tables, filled by statements, with the triggers whose functions' names are like `triggers`.
    static func clones(of names: [String], filledBy filling: String, triggers: String = "%") -> String {
        """
        create schema bare;
        do $clone$
        declare
            names text[] := array[\(names.map { "'\($0)'" }.joined(separator: ", "))];
            name text;
            found record;
        begin
            foreach name in array names loop
                execute format('create table bare.%1$I (like bursar.%1$I including all)', name);
                for found in
                    select unnest(c.reloptions) as option from pg_class c
                    where c.oid = ('bursar.' || name)::regclass and c.reloptions is not null
                loop
                    execute format('alter table bare.%I set (%s)', name, found.option);
                end loop;
            end loop;
            \(filling)
            for found in
                select c.relname as name, k.conname, pg_get_constraintdef(k.oid) as definition, t.relname as target
                from pg_constraint k
                join pg_class c on c.oid = k.conrelid
                join pg_class t on t.oid = k.confrelid
                where k.contype = 'f' and k.conrelid = any (select ('bursar.' || n)::regclass from unnest(names) as n)
            loop
                execute format('alter table bare.%I add constraint %I %s', found.name, found.conname,
                    case when found.target = any (names)
                        then replace(found.definition, 'REFERENCES bursar.' || found.target, 'REFERENCES bare.' || found.target)
                        else found.definition end);
            end loop;
            for found in
                select c.relname as name, pg_get_triggerdef(t.oid) as definition
                from pg_trigger t
                join pg_class c on c.oid = t.tgrelid
                join pg_proc p on p.oid = t.tgfoid
                where not t.tgisinternal and p.proname like '\(triggers)' and t.tgrelid = any (select ('bursar.' || n)::regclass from unnest(names) as n)
            loop
                execute replace(found.definition, ' ON bursar.' || found.name, ' ON bare.' || found.name);
            end loop;
        end
        $clone$;
        """
    }

    /// The run that filled the sheets has done its duty; copies should be small.
    static let emptied = """
        set session_replication_role = replica;
        truncate bursar.period, bursar.invoice, bursar.invoice_line, bursar.receivable, bursar.event, bursar.event_unnoticed,
            bursar.audit_entry, bench.subscription_before, bench.place cascade;
        reset session_replication_role;
        alter sequence bursar.invoice_id restart;
        """
}
