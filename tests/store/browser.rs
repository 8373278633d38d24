//! A real browser without a screen: Chromium, driven by WebDriver. These tests need eight of its commands; a crate for
//! them would bring thirty others.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// A driver, and under it as many browsers as a test opens.
pub(crate) struct Browsers {
    base: String,
    client: reqwest::Client,
    chromium: PathBuf,
    /// The browsers' profiles; also how their processes are known.
    profiles: TempDir,
    _driver: Child,
    /// Held open: a driver that cannot write what it says ends.
    _said: Lines<BufReader<ChildStdout>>,
}

/// One browser, with a profile of its own.
pub(crate) struct Browser<'a> {
    browsers: &'a Browsers,
    session: String,
}

/// The key under which WebDriver names an element (W3C WebDriver, section 12.2).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

impl Browsers {
    /// # Panics
    /// On a machine without Chromium: the tests that ask for it are ignored unless somebody wants them.
    pub(crate) async fn ready() -> Self {
        let (Some(chromium), Some(driver)) = (program("chromium"), program("chromedriver")) else {
            panic!(
                "expected the programs chromium and chromedriver in PATH; CI=true .ci/prepare test installs them"
            );
        };
        let profiles = tempfile::tempdir().unwrap();
        let mut driver = Command::new(driver)
            .arg("--port=0")
            .current_dir(profiles.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = async {
            loop {
                let line = lines.next_line().await.unwrap().expect("the driver says its port");
                if let Some((_, port)) = line.split_once("started successfully on port ") {
                    return port.trim_end_matches('.').to_owned();
                }
            }
        };
        let port = tokio::time::timeout(PATIENCE, port).await.expect("the driver starts");
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Self {
            base: format!("http://127.0.0.1:{port}"),
            client,
            chromium,
            profiles,
            _driver: driver,
            _said: lines,
        }
    }

    /// A browser whose user reads `language`; `scripts` are what its pages may run.
    pub(crate) async fn open(&self, name: &str, language: &str, scripts: bool) -> Browser<'_> {
        let profile = self.profiles.path().join(name);
        let args = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--no-proxy-server",
            // Nothing is asked but the shop.
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            "--window-size=1280,900",
            &format!("--accept-lang={language}"),
            &format!("--user-data-dir={}", profile.display()),
        ];
        let javascript = if scripts { 1 } else { 2 };
        let options = json!({
            "binary": self.chromium, "args": args,
            "prefs": {
                "intl.accept_languages": language,
                "profile.managed_default_content_settings.javascript": javascript,
            },
        });
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}});
        let made = self.command(reqwest::Method::POST, "/session", Some(wanted)).await.unwrap();
        Browser { browsers: self, session: made["sessionId"].as_str().unwrap().to_owned() }
    }

    async fn command(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, Value> {
        let request = self.client.request(method, format!("{}{path}", self.base));
        let request = if let Some(body) = body { request.json(&body) } else { request };
        let response = request.send().await.unwrap();
        let good = response.status().is_success();
        let value = response.json::<Value>().await.unwrap()["value"].take();
        if good { Ok(value) } else { Err(value) }
    }
}

impl Drop for Browsers {
    /// Ends whatever browser is left: a test that failed has closed none.
    fn drop(&mut self) {
        let own = self.profiles.path().to_string_lossy().into_owned();
        for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let command = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            let pid = process.file_name().to_string_lossy().parse::<i32>();
            if let (true, Ok(pid)) = (String::from_utf8_lossy(&command).contains(&own), pid) {
                kill(Pid::from_raw(pid), Signal::SIGKILL).ok();
            }
        }
    }
}

/// How long a page may take to show something. A machine with two cores that builds beside it takes a while.
const PATIENCE: Duration = Duration::from_secs(60);

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

impl Browser<'_> {
    async fn command(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, Value> {
        self.browsers.command(method, &format!("/session/{}{path}", self.session), body).await
    }

    pub(crate) async fn go(&self, address: &str) {
        self.command(reqwest::Method::POST, "/url", Some(json!({"url": address}))).await.unwrap();
    }

    pub(crate) async fn address(&self) -> String {
        self.command(reqwest::Method::GET, "/url", None).await.unwrap().as_str().unwrap().to_owned()
    }

    async fn element(&self, css: &str) -> Option<String> {
        let wanted = json!({"using": "css selector", "value": css});
        let found = self.command(reqwest::Method::POST, "/element", Some(wanted)).await.ok()?;
        Some(found[ELEMENT].as_str()?.to_owned())
    }

    /// The text of an element as it is seen; none while there is none.
    pub(crate) async fn text(&self, css: &str) -> Option<String> {
        let element = self.element(css).await?;
        let text =
            self.command(reqwest::Method::GET, &format!("/element/{element}/text"), None).await.ok()?;
        Some(text.as_str()?.to_owned())
    }

    /// The text of an element, once it is there and `fits`.
    pub(crate) async fn wait_for(&self, css: &str, fits: impl Fn(&str) -> bool) -> String {
        let looking = async {
            loop {
                if let Some(text) = self.text(css).await.filter(|text| fits(text)) {
                    return text;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, looking).await {
            Ok(text) => text,
            Err(_) => panic!("{css} never came; there is: {:?}", self.text("body").await),
        }
    }

    /// Types into a field.
    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let element = self.element(css).await.unwrap_or_else(|| panic!("no {css}"));
        let path = format!("/element/{element}/value");
        self.command(reqwest::Method::POST, &path, Some(json!({"text": text}))).await.unwrap();
    }

    /// Clicks as a user does: with the mouse, at the element's place.
    pub(crate) async fn click(&self, css: &str) {
        let element = self.element(css).await.unwrap_or_else(|| panic!("no {css}"));
        self.command(reqwest::Method::POST, &format!("/element/{element}/click"), Some(json!({})))
            .await
            .unwrap();
    }

    /// What a script gives, run by the driver.
    pub(crate) async fn run(&self, script: &str) -> Value {
        let body = json!({"script": script, "args": []});
        self.command(reqwest::Method::POST, "/execute/sync", Some(body)).await.unwrap()
    }

    /// Keeps a picture of the page, where `ORDERLINE_PICTURES` names a folder for them.
    pub(crate) async fn picture(&self, name: &str) {
        use base64::Engine;
        let Some(folder) = std::env::var_os("ORDERLINE_PICTURES") else { return };
        let png = self.command(reqwest::Method::GET, "/screenshot", None).await.unwrap();
        let png = base64::engine::general_purpose::STANDARD.decode(png.as_str().unwrap()).unwrap();
        std::fs::write(Path::new(&folder).join(format!("{name}.png")), png).unwrap();
    }

    pub(crate) async fn close(self) {
        self.command(reqwest::Method::DELETE, "", None).await.unwrap();
    }
}
