internal import JobKit
package import Schedules

extension Command {
    /// What one run is asked to start, and what its exit codes mean.
    package struct Parameters: JobParameters {
        package var command: [String]
        package var directory: String?
        package var user: String?
        package var environment: [String: String]
        package var secrets: [String]
        package var input: String?
        package var grace: String
        package var exit_codes: [String: String]
        package var wait: String
        package var after_unknown: String
        package var output_lines: Int64
        package var output_bytes: Int64

        /// An attempt whose deadline has passed loses its fence half a minute later.
        static let longestGrace = Duration.seconds(25)

        package static let fields = [
            ParameterField(
                "command",
                .list(.text),
                required: true,
                atLeast: 1,
                help: "the program and its arguments, each an element; no shell reads them"
            ),
            ParameterField("directory", .shaped(.absolutePath), help: "where it starts; else the home of its user"),
            ParameterField("user", .shaped(.fileName), help: "the user it runs as; else the daemon's own"),
            ParameterField(
                "environment",
                .mapping(.variableName, .text),
                default: "",
                help: "variables, beside a PATH of /usr/bin:/bin, HOME, USER, LOGNAME, SHELL, LANG and BURSAR_…"
            ),
            ParameterField(
                "secrets",
                .list(.shaped(.fileName)),
                default: "",
                help: "names of secrets, given as files in the folder that BURSAR_SECRETS_DIRECTORY names"
            ),
            ParameterField("input", .text, help: "what stands on its standard input; else nothing"),
            ParameterField(
                "grace",
                .duration,
                default: "10s",
                upTo: longestGrace,
                help: "how long it may take to end after SIGTERM, before SIGKILL"
            ),
            ParameterField(
                "exit_codes",
                .mapping(.exitCode, .choice(ExitVerdict.words)),
                default: "",
                help: "what exit codes mean; without it 0 is success and all others are transient"
            ),
            ParameterField("wait", .duration, default: "15m", help: "how long snooze and rate_limited wait"),
            ParameterField(
                "after_unknown",
                .choice(["retry", "stop"]),
                default: "retry",
                help: "what to do where an earlier attempt started it and nobody knows how that ended"
            ),
            ParameterField("output_lines", .integer, default: "1000", in: 2...10_000, help: "lines of output to keep"),
            ParameterField(
                "output_bytes",
                .integer,
                default: "262144",
                in: 1_024...4_194_304,
                help: "bytes of output to keep"
            ),
        ]
    }
}
