import Glibc
import UnixSignals

/// What a person says who presses Ctrl-C while a command works.
enum Interruption {
    /// Returns when SIGINT or SIGTERM came, or the task was cancelled; another one ends the process at once.
    static func wait() async {
        for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) {
            Terminal.complain("stopping as soon as what is under way can be left; once more ends it at once")
            break
        }
        signal(SIGINT, SIG_DFL)
        signal(SIGTERM, SIG_DFL)
    }
}
