// A browser window in a test: opens pages, finds what people see, presses keys, and tells what the page complained about.

import MartletJSON
import NIOHTTP1
import TestSupport
import Testing

/// How a page is looked at.
enum Look: String, Sendable, CaseIterable {
    case light, dark, phone
}

/// A window of a browser with a profile of its own.
struct Browser: Sendable {
    /// Keys without a letter, as WebDriver names them.
    enum Key {
        static let enter = "\u{E007}", escape = "\u{E00C}", tab = "\u{E004}", shift = "\u{E008}"
        static let up = "\u{E013}", down = "\u{E015}"
    }

    /// Keeps what pages say, for it is shown for some seconds only.
    private static let record = """
        window.said = [];
        new MutationObserver((changes) => {
            for (const node of changes.flatMap((change) => [...change.addedNodes])) {
                if (node.classList?.contains('notice')) window.said.push(node.textContent);
            }
        }).observe(document, { childList: true, subtree: true });
        """

    private let driver: WebDriver
    private let session: String

    /// Runs `body` with a window and closes it.
    static func with(_ look: Look = .light, _ body: (Browser) async throws -> Void) async throws {
        let browser = try await Browser(look)
        let result: Result<Void, any Error>
        do { result = .success(try await body(browser)) } catch { result = .failure(error) }
        _ = try? await browser.driver.send(.DELETE, "/session/\(browser.session)")
        try result.get()
    }

    private init(_ look: Look) async throws {
        driver = try await WebDriver.shared
        let arguments: [JSONValue] = ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,900"]
        let wanted = JSONValue.object([
            "browserName": "chrome", "goog:chromeOptions": .object(["args": .array(arguments)]),
            "goog:loggingPrefs": .object(["browser": "ALL"]),
        ])
        let made = try await driver.send(
            .POST, "/session", .object(["capabilities": .object(["alwaysMatch": wanted])]))
        session = try #require(made["sessionId"].string)
        let scheme = JSONValue.object([
            "name": "prefers-color-scheme", "value": .string(look == .dark ? "dark" : "light"),
        ])
        try await control("Emulation.setEmulatedMedia", .object(["features": .array([scheme])]))
        try await control("Page.addScriptToEvaluateOnNewDocument", .object(["source": .string(Self.record)]))
        guard look == .phone else { return }
        let size: JSONValue = .object(["width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": true])
        try await control("Emulation.setDeviceMetricsOverride", size)
    }

    @discardableResult
    private func send(_ method: HTTPMethod, _ path: String, _ body: JSONValue? = nil) async throws -> JSONValue {
        try await driver.send(method, "/session/\(session)\(path)", body)
    }

    /// A command of the browser's own protocol.
    func control(_ command: String, _ parameters: JSONValue) async throws {
        try await send(.POST, "/goog/cdp/execute", .object(["cmd": .string(command), "params": parameters]))
    }

    /// Opens an address; where only its fragment is new, the page has heard of that on return.
    func open(_ url: String) async throws {
        let isHeard = try await run(
            """
            const [here, there] = [location.href, new URL(arguments[0]).href].map((address) => address.split('#'));
            if (here[0] !== there[0] || !there[1] || here[1] === there[1]) return false;
            return new Promise((done) => {
                addEventListener('hashchange', () => setTimeout(() => done(true)), { once: true });
                location.href = arguments[0];
            });
            """, .string(url)
        ).bool
        if isHeard != true { try await send(.POST, "/url", .object(["url": .string(url)])) }
    }

    /// The window that commands are for.
    var window: String { get async throws { try await send(.GET, "/window").string ?? "" } }

    /// Opens another window; commands are for it from now on.
    func openWindow() async throws {
        let made = try await send(.POST, "/window/new", .object(["type": "window"]))
        try await show(try #require(made["handle"].string))
    }

    /// Sends commands to a window from now on.
    func show(_ window: String) async throws { try await send(.POST, "/window", .object(["handle": .string(window)])) }

    /// Closes the window that commands are for.
    func closeWindow() async throws { try await send(.DELETE, "/window") }

    /// Runs the body of a function in the page; answers what it returns, also once a promise is kept.
    @discardableResult
    func run(_ script: String, _ arguments: JSONValue...) async throws -> JSONValue {
        try await send(
            .POST, "/execute/sync", .object(["script": .string(script), "args": .array(arguments)]))
    }

    /// Waits until an expression is true in the page.
    func wait(_ what: String, within limit: Duration = .seconds(90), _ expression: String) async throws {
        var trouble = ""
        do {
            try await eventually(within: limit, what) {
                do {
                    let isTrue = try await run("return Boolean(\(expression))").bool
                    trouble = ""
                    return isTrue == true
                } catch let error as WebDriverError {
                    // What the expression looks at may not be there yet.
                    trouble = "; \(error)"
                    return false
                }
            }
        } catch let error as NeverHappened {
            let text = try await run("return document.body.innerText").string ?? ""
            throw NeverHappened(description: "\(error)\(trouble); the page says:\n\(text.prefix(3000))")
        }
    }

    /// Waits until the page shows a text.
    func see(_ text: String) async throws {
        try await wait("the page shows \(text)", "document.body.innerText.includes(\(Self.quoted(text)))")
    }

    /// Waits until the page has said a text, so many times since it was loaded, whether it still shows it or not.
    func hear(_ text: String, times: Int = 1) async throws {
        let heard = "window.said.filter((text) => text.includes(\(Self.quoted(text)))).length"
        try await wait("the page says \(text)", "\(heard) >= \(times)")
    }

    /// Everything that the page shows.
    var text: String { get async throws { try await run("return document.body.innerText").string ?? "" } }

    /// Clicks what a selector finds, as a person would: it must be visible and on top.
    func click(_ selector: String) async throws {
        try await click(selector, using: "css selector") { selector }
    }

    /// Clicks the button or link with this text; the one in an open dialog, if any.
    func click(button text: String) async throws {
        let button = "//*[self::button or self::a][normalize-space(.)=\(Self.quoted(text))]"
        try await click(text, using: "xpath") {
            let isOpen = try await run("return document.querySelector('dialog[open]') !== null").bool == true
            return isOpen ? "//dialog[@open]\(button)" : button
        }
    }

    private func click(_ what: String, using strategy: String, _ value: () async throws -> String) async throws {
        try await eventually(within: .seconds(90), "\(what) can be clicked") {
            do {
                let element = try await find(using: strategy, try await value())
                try await send(.POST, "/element/\(element)/click")
                return true
            } catch is WebDriverError { return false }
        }
    }

    private func find(using strategy: String, _ value: String) async throws -> String {
        let found = try await send(
            .POST, "/element", .object(["using": .string(strategy), "value": .string(value)]))
        return try #require(found["element-6066-11e4-a52e-4f735466cecf"].string)
    }

    /// Types into what a selector finds.
    func type(_ text: String, into selector: String) async throws {
        try await eventually(within: .seconds(90), "\(selector) takes text") {
            do {
                let element = try await find(using: "css selector", selector)
                try await send(.POST, "/element/\(element)/value", .object(["text": .string(text)]))
                return true
            } catch is WebDriverError { return false }
        }
    }

    /// Chooses the option with this text.
    func choose(_ text: String, in selector: String) async throws {
        try await eventually("\(text) can be chosen") {
            try await run(
                """
                const select = document.querySelector(arguments[0]);
                const option = [...(select?.options ?? [])].find((option) => option.text === arguments[1]);
                if (!option) return false;
                select.value = option.value;
                select.dispatchEvent(new Event('change', { bubbles: true }));
                return true;
                """, .string(selector), .string(text)
            ).bool == true
        }
    }

    /// Presses keys one after the other; those of `held` are held meanwhile.
    func press(_ keys: String..., held: [String] = []) async throws {
        func event(_ type: String, _ key: String) -> JSONValue {
            .object(["type": .string(type), "value": .string(key)])
        }
        let all =
            held.map { event("keyDown", $0) } + keys.flatMap { [event("keyDown", $0), event("keyUp", $0)] }
            + held.map { event("keyUp", $0) }
        let source = JSONValue.object(["type": "key", "id": "keyboard", "actions": .array(all)])
        try await send(.POST, "/actions", .object(["actions": .array([source])]))
    }

    /// Presses two keys that lead to a screen; again where the page was so slow that it took each by itself.
    func go(_ first: String, _ second: String, to address: String) async throws {
        try await eventually("\(first) \(second) leads to \(address)") {
            try await press(first, second)
            return try await run("return location.hash").string == address
        }
    }

    /// Moves the pointer over the middle of what a selector finds, or away from everything.
    func point(at selector: String?) async throws {
        var move: [(String, JSONValue)] = [("type", "pointerMove"), ("duration", 0), ("x", 2), ("y", 2)]
        if let selector {
            let place = try await run(
                """
                const box = document.querySelector(arguments[0]).getBoundingClientRect();
                return [Math.round(box.x + box.width / 2), Math.round(box.y + box.height / 2)];
                """, .string(selector))
            move[2].1 = .integer(place.array?[0].int ?? 0)
            move[3].1 = .integer(place.array?[1].int ?? 0)
        }
        let event = JSONValue.object(["type": "pointerMove", "duration": 0, "x": move[2].1, "y": move[3].1])
        let source = JSONValue.object([
            "type": "pointer", "id": "mouse", "parameters": .object(["pointerType": "mouse"]),
            "actions": .array([event]),
        ])
        try await send(.POST, "/actions", .object(["actions": .array([source])]))
    }

    /// What the page has complained about since the last look: errors of scripts, of the content policy and of requests.
    func complaints() async throws -> [String] {
        let entries = try await send(.POST, "/se/log", .object(["type": "browser"])).array ?? []
        return entries.filter { ["SEVERE", "WARNING"].contains($0["level"].string) }
            .compactMap { $0["message"].string }
    }

    /// A text as a string literal of JavaScript and of XPath, where it has no quotation marks.
    private static func quoted(_ text: String) -> String { JSONValue.string(text).line }
}
