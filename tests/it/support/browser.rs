//! A real Chromium, driven as a person would: pages opened, fields filled in, buttons pressed by what is written on them.
//!
//! Whatever a page complains about is kept: what it writes to its console as an error, an exception that nobody caught, a
//! content that its security policy refused. Tests stand down, and say so, where there is no Chromium.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use headless_chrome::protocol::cdp::Emulation::{MediaFeature, SetDeviceMetricsOverride, SetEmulatedMedia};
use headless_chrome::protocol::cdp::Log::{LogEntryLevel, LogEntrySource};
use headless_chrome::protocol::cdp::Network::{Enable, SetBlockedURLs};
use headless_chrome::protocol::cdp::Page::CaptureScreenshotFormatOption::Png;
use headless_chrome::protocol::cdp::Runtime::ConsoleAPICalledEventTypeOption as Console;
use headless_chrome::protocol::cdp::types::Event;
use headless_chrome::{Browser, LaunchOptions};
use serde_json::Value;
use understudy::clock::Stopwatch;

use super::tools::which;

/// How long a page may take for what is awaited of it.
const DEADLINE: Duration = Duration::from_secs(20);

/// The pause between two looks at a page.
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// A browser with a profile of its own, and one tab.
pub(crate) struct Tab {
    tab: Arc<headless_chrome::Tab>,
    base: String,
    complaints: Arc<Mutex<Vec<String>>>,
    _browser: Browser,
}

impl Tab {
    /// Opens a browser for the server at `server`; `None`, with a line on stderr, where there is no Chromium.
    pub(crate) fn open(server: SocketAddr) -> Option<Tab> {
        let path = which("chromium")?;
        let options = LaunchOptions {
            path: Some(path),
            // The gate runs as root, where Chromium has no sandbox; it sees nothing but our own pages.
            sandbox: false,
            window_size: Some((1_280, 900)),
            idle_browser_timeout: Duration::from_secs(300),
            args: vec![OsStr::new("--disable-dev-shm-usage")],
            ..LaunchOptions::default()
        };
        let browser = Browser::new(options).expect("Chromium starts");
        let tab = browser.new_tab().expect("a tab opens");
        tab.set_default_timeout(DEADLINE);
        let complaints = Arc::new(Mutex::new(Vec::new()));
        let heard = complaints.clone();
        let listener = move |event: &Event| {
            heard.lock().unwrap_or_else(PoisonError::into_inner).extend(complaint(event));
        };
        tab.add_event_listener(Arc::new(listener)).expect("events are heard");
        tab.enable_log().and_then(|tab| tab.enable_runtime()).expect("the console is heard");
        Some(Tab { tab, base: format!("http://{server}"), complaints, _browser: browser })
    }

    /// Opens a page by its path.
    pub(crate) fn go(&self, path: &str) {
        let url = format!("{}{path}", self.base);
        // A page that is the same one again must be told from the one that is being left.
        self.run("window.leaving = true");
        self.tab.navigate_to(&url).expect("the page opens");
        self.until(&format!("{path} is there"), "!window.leaving && document.readyState === 'complete'");
    }

    /// The path of the page that is open.
    pub(crate) fn path(&self) -> String {
        self.text_of("location.pathname")
    }

    /// Types into the field that `selector` finds, in place of what was there.
    pub(crate) fn fill(&self, selector: &str, text: &str) {
        let field = self.tab.wait_for_element(selector).unwrap_or_else(|error| panic!("{selector}: {error}"));
        self.run(&format!("document.querySelector({}).value = ''", quoted(selector)));
        field.type_into(text).unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Chooses an option by its value.
    pub(crate) fn choose(&self, selector: &str, value: &str) {
        let (field, value) = (quoted(selector), quoted(value));
        self.run(&format!("document.querySelector({field}).value = {value}"));
        assert!(self.holds(&format!("document.querySelector({field}).value === {value}")), "{selector} has no {value}");
    }

    /// Clicks what `selector` finds.
    pub(crate) fn click(&self, selector: &str) {
        let found = self.tab.wait_for_element(selector).unwrap_or_else(|error| panic!("{selector}: {error}"));
        found.click().unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Presses the button, or follows the link, on which `text` is written, and waits for the page that comes.
    pub(crate) fn press(&self, text: &str) {
        self.press_in("", text);
    }

    /// As [`Tab::press`], within what has this id.
    pub(crate) fn press_in(&self, id: &str, text: &str) {
        let within = if id.is_empty() { String::new() } else { format!("//*[@id='{id}']") };
        let xpath = ["button", "a"].map(|tag| format!("{within}//{tag}[normalize-space()=\"{text}\"]")).join(" | ");
        self.run("window.leaving = true");
        let button = self.tab.wait_for_xpath(&xpath);
        let button = button.unwrap_or_else(|error| panic!("no button {text:?} on {}: {error}", self.path()));
        button.scroll_into_view().and_then(|button| button.click()).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        self.until(&format!("{text:?} leads on"), "!window.leaving && document.readyState === 'complete'");
    }

    /// What is written in what `selector` finds, first of all.
    pub(crate) fn text(&self, selector: &str) -> String {
        self.text_of(&format!("document.querySelector({})?.innerText ?? ''", quoted(selector)))
    }

    /// Waits until `text` is written in what `selector` finds.
    pub(crate) fn await_text(&self, selector: &str, text: &str) {
        let holds =
            format!("(document.querySelector({})?.innerText ?? '').includes({})", quoted(selector), quoted(text));
        self.until(&format!("{selector} says {text:?}"), &holds);
    }

    /// Waits until the expression holds. Panics with what the page says when it does not.
    pub(crate) fn until(&self, what: &str, expression: &str) {
        let waiting = Stopwatch::start();
        while !self.holds(expression) {
            let at = waiting.elapsed();
            assert!(at < DEADLINE, "not within {at:?}: {what}\n{}", self.text("body"));
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Whether the expression holds; not while a page is being left.
    pub(crate) fn holds(&self, expression: &str) -> bool {
        self.value(&format!("Boolean({expression})")) == Some(Value::Bool(true))
    }

    /// Runs a script, or a promise of one, and gives what it came to.
    pub(crate) fn run(&self, script: &str) -> Value {
        let came = self.tab.evaluate(script, true).unwrap_or_else(|error| panic!("{script}: {error}"));
        came.value.unwrap_or(Value::Null)
    }

    fn value(&self, expression: &str) -> Option<Value> {
        self.tab.evaluate(expression, false).ok()?.value
    }

    fn text_of(&self, expression: &str) -> String {
        self.value(expression).and_then(|value| Some(value.as_str()?.to_owned())).unwrap_or_default()
    }

    /// Presses a key: `Tab`, `Enter`.
    pub(crate) fn key(&self, key: &str) {
        self.tab.press_key(key).unwrap_or_else(|error| panic!("{key}: {error}"));
    }

    /// A window of this width, as of a telephone where it is narrow.
    pub(crate) fn width(&self, width: u32) {
        let metrics = SetDeviceMetricsOverride {
            width,
            height: 800,
            device_scale_factor: 1.0,
            mobile: width < 600,
            scale: None,
            screen_width: None,
            screen_height: None,
            position_x: None,
            position_y: None,
            dont_set_visible_size: None,
            screen_orientation: None,
            viewport: None,
            display_feature: None,
            device_posture: None,
        };
        self.tab.call_method(metrics).expect("the window changes");
    }

    /// As somebody sees it who asked for `light` or `dark`.
    pub(crate) fn scheme(&self, scheme: &str) {
        let feature = MediaFeature { name: "prefers-color-scheme".to_owned(), value: scheme.to_owned() };
        let media = SetEmulatedMedia { media: None, features: Some(vec![feature]) };
        self.tab.call_method(media).expect("the scheme changes");
    }

    /// As somebody sees it whose browser gets no scripts. They are kept from it, not disabled: a debugger needs them.
    pub(crate) fn without_scripts(&self) {
        let enable = Enable {
            max_total_buffer_size: None,
            max_resource_buffer_size: None,
            max_post_data_size: None,
            report_direct_socket_traffic: None,
            enable_durable_messages: None,
        };
        self.tab.call_method(enable).expect("the network is seen");
        self.tab.call_method(SetBlockedURLs { urls: vec!["*.js*".to_owned()] }).expect("scripts are kept away");
    }

    /// A picture of the window, in `target/screens/NAME.png`, for people to look at.
    pub(crate) fn picture(&self, name: &str) -> PathBuf {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screens");
        let file = dir.join(format!("{name}.png"));
        let bytes = self.tab.capture_screenshot(Png, None, None, true).expect("a picture");
        std::fs::create_dir_all(&dir).and_then(|()| std::fs::write(&file, bytes)).expect("the picture is kept");
        file
    }

    /// What the pages complained about so far.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.complaints.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// That no page complained about anything.
    #[track_caller]
    pub(crate) fn had_no_complaint(&self) {
        let complaints = self.complaints();
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }
}

/// A text as a literal of JavaScript.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn complaint(event: &Event) -> Option<String> {
    match event {
        Event::RuntimeExceptionThrown(thrown) => {
            let details = &thrown.params.exception_details;
            let said = details.exception.as_ref().and_then(|exception| exception.description.clone());
            Some(format!("{}: {}", details.text, said.unwrap_or_default()))
        }
        Event::RuntimeConsoleAPICalled(called) => {
            let is_error = matches!(called.params.Type, Console::Error | Console::Assert);
            is_error
                .then(|| format!("console: {:?}", called.params.args.iter().map(|arg| &arg.value).collect::<Vec<_>>()))
        }
        Event::LogEntryAdded(added) => {
            let entry = &added.params.entry;
            let counts = entry.level == LogEntryLevel::Error || matches!(entry.source, LogEntrySource::Security);
            counts.then(|| format!("{} ({})", entry.text, entry.url.as_deref().unwrap_or("-")))
        }
        _ => None,
    }
}
