import CivilTime
import Glibc
import Notices
import Outbound
import Subprocess
import TestSupport
import Testing

/// Needs Debian's package `exim4-daemon-light`; `make real` installs it and runs this.
@Suite("A real mail server", .enabled(if: getenv("BURSAR_REAL") != nil, "make real runs this"))
struct MailRelayRealTests {
    @Test(
        "Exim takes our mail over STARTTLS and AUTH, says who is to blame for what it refuses, and delivers byte for byte"
    )
    func exim() async throws {
        try await House.with(Portfolio.empty) { house in
            let relay = try await Self.start(house)
            let transport = Self.transport(relay)
            defer { transport.close() }
            let accepted = try await withThrowingTaskGroup(of: SendOutcome.self) { group in
                for number in 0..<40 {
                    group.addTask { await transport.send(Self.message("p\(number)@shop.example", number)) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(accepted.allSatisfy { $0.verdict == .accepted && $0.code == 250 }, "\(accepted)")
            #expect(Set(accepted.compactMap(\.providerID)).count == 40, "each has a name of the relay's own")

            let ghost = await transport.send(Self.message("ghost@shop.example", 100))
            #expect(ghost.verdict == .hard && ghost.phase == "recipient" && ghost.reply.contains("5.1.1"), "\(ghost)")
            let limp = await transport.send(Self.message("limp@shop.example", 101))
            #expect(limp.verdict == .soft && limp.code == 451, "\(limp)")
            let spam = await transport.send(Self.message("p@shop.example", 102, subject: "spam"))
            #expect(spam.verdict == .policy && spam.phase == "after the final dot", "\(spam)")
            #expect(await transport.send(Self.message("p\n@shop.example", 103)).verdict == .hard)

            try await waitUntil("40 messages are delivered: \(contents(of: "\(house.folder)/exim/log/main"))") {
                files(in: "\(house.folder)/exim/mail/new", ending: "relay.example").count == 40
            }
            let delivered = files(in: "\(house.folder)/exim/mail/new", ending: "relay.example").map(contents)
            for number in 0..<40 {
                let own = delivered.filter { $0.contains("Message-ID: <\(number)@shop.example>\n") }
                let sent = String(decoding: Self.bytes(number), as: UTF8.self).replacing("\r\n", with: "\n")
                #expect(own.count == 1 && own.first?.hasSuffix(sent) == true, "\(own)")
                #expect(own.first?.contains("Return-path: <bounces+\(number)@b.example>") == true)
            }
        }
    }

    @Test("What Exim refuses about us stops the channel, and nothing goes in the clear")
    func refused() async throws {
        try await House.with(Portfolio.empty) { house in
            let relay = try await Self.start(house)
            var stranger = relay
            stranger.credentials = .init(user: "bursar", password: "wrong")
            let wrong = await Self.transport(stranger).send(Self.message("p@shop.example", 1))
            #expect(wrong.verdict == .configuration && wrong.phase == "auth" && wrong.code == 535, "\(wrong)")
            stranger.credentials = nil
            let nobody = await Self.transport(stranger).send(Self.message("p@shop.example", 1))
            #expect(nobody.verdict == .policy && nobody.phase == "recipient", "\(nobody)")
            var clear = relay
            clear.security = .none
            // Exim offers a password in TLS alone.
            let open = await Self.transport(clear).send(Self.message("p@shop.example", 1))
            #expect(open.verdict == .configuration && open.phase == "auth", "\(open)")
            var doubting = relay
            doubting.authorities = nil
            let doubted = await Self.transport(doubting).send(Self.message("p@shop.example", 1))
            #expect(doubted.verdict == .transport && doubted.phase == "tls", "\(doubted)")
        }
    }

    // MARK: Ours

    private static func bytes(_ number: Int, subject: String = "invoice") -> [UInt8] {
        let head = "Message-ID: <\(number)@shop.example>\r\nSubject: \(subject)\r\nContent-Transfer-Encoding: 8bit\r\n"
        return Array("\(head)\r\n.a dot\r\n..two\r\n.\r\nបង់ប្រាក់ \(number)\r\n".utf8)
    }

    private static func message(_ recipient: String, _ number: Int, subject: String = "invoice") -> OutgoingMessage {
        OutgoingMessage(
            messageID: "\(number)@shop.example",
            channel: .email,
            recipient: recipient,
            content: RenderedNotice(subject: subject, text: "\(number)", locale: "km", source: "test", version: ""),
            date: Instant(microsecondsSinceEpoch: 0)
        )
    }

    private static func transport(_ relay: SMTPRelay) -> SMTPTransport {
        SMTPTransport(name: "smtp:exim", relay: relay) { message in
            SMTPTransport.bounceAddress(token: message.content.text, domain: "b.example")
        } compose: { message in
            .success(bytes(Int(message.content.text) ?? 0, subject: message.content.subject ?? ""))
        }
    }

    // MARK: Exim's

    /// Starts an Exim of the house, as a user without rights, and answers how it is spoken to.
    private static func start(_ house: House) async throws -> SMTPRelay {
        let folder = "\(house.folder)/exim"
        let port = try freePort()
        mkdir(folder, 0o755)
        write(configuration(folder, port), to: "\(folder)/exim.conf")
        let script = """
            cd \(folder) && mkdir spool log mail && openssl req -new -x509 -days 2 -nodes -newkey rsa:2048 \
            -subj /CN=relay.example -addext subjectAltName=IP:127.0.0.1 -out server.crt -keyout server.key
            [ "$(id -u)" != 0 ] || chown nobody:nogroup spool log mail server.key
            """
        let made = try await Subprocess.run(
            .name("sh"),
            arguments: ["-c", script],
            output: .discarded,
            error: .discarded
        )
        try #require(made.terminationStatus.isSuccess)
        let exim = ["/usr/sbin/exim4", "-C", "\(folder)/exim.conf", "-bdf"]
        let asNobody = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]
        let words = getuid() == 0 ? asNobody + exim : exim
        let process = try house.start(words[0], Array(words.dropFirst()), Program.environment, as: "exim")
        try await waitUntil("Exim serves: \(process.said)") {
            contents(of: "\(folder)/log/main").contains("listening for SMTP")
        }
        var relay = SMTPRelay(host: "127.0.0.1", port: port, security: .starttls)
        relay.credentials = .init(user: "bursar", password: "a secret word")
        relay.authorities = "\(folder)/server.crt"
        return relay
    }

    private static func configuration(_ folder: String, _ port: Int) -> String {
        // Debian's numbers of nobody and nogroup.
        let (user, group) = getuid() == 0 ? (65534, 65534) : (getuid(), getgid())
        return """
            primary_hostname = relay.example
            spool_directory = \(folder)/spool
            log_file_path = \(folder)/log/%s
            pid_file_path = \(folder)/spool/exim.pid
            exim_user = \(user)
            exim_group = \(group)
            never_users =
            deliver_drop_privilege = true
            keep_environment =
            local_interfaces = 127.0.0.1
            daemon_smtp_ports = \(port)
            # Every message is delivered at once, however many come over one connection.
            smtp_accept_queue_per_connection = 0
            tls_advertise_hosts = *
            tls_certificate = \(folder)/server.crt
            tls_privatekey = \(folder)/server.key
            acl_smtp_rcpt = rcpt
            acl_smtp_data = data

            begin acl
            rcpt:
              deny !authenticated = *
                   message = 5.7.1 relay access denied
              deny local_parts = ghost
                   message = 5.1.1 no such user
              defer local_parts = limp
                   message = 4.2.1 later
              accept
            data:
              deny condition = ${if match{$h_subject:}{spam}}
                   message = 5.7.1 looks like spam
              accept

            begin routers
            box:
              driver = accept
              transport = box

            begin transports
            box:
              driver = appendfile
              directory = \(folder)/mail
              maildir_format
              return_path_add

            begin authenticators
            plain:
              driver = plaintext
              public_name = PLAIN
              server_prompts = :
              server_condition = ${if and{{eq{$auth2}{bursar}}{eq{$auth3}{a secret word}}}}
              server_set_id = $auth2
              server_advertise_condition = ${if def:tls_in_cipher}
            """
    }

    /// A port that nobody has had a moment ago.
    private static func freePort() throws -> Int {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(socket, address, size) == 0 && getsockname(socket, address, &size) == 0
            }
        }
        try #require(isBound)
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
