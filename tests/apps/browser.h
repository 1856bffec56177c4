#ifndef ADJOINT_TESTS_APPS_BROWSER_H_
#define ADJOINT_TESTS_APPS_BROWSER_H_

#include <gtest/gtest.h>
#include <httplib.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/apps/app_runner.h"
#include "tests/apps/child.h"

namespace adjoint::apps {

// A Chromium without a window, driven by chromedriver (W3C, "WebDriver"). What goes wrong is a
// failure of the test.
class Browser {
 public:
  using Json = nlohmann::json;

  // Whether Debian's packages are there.
  static bool IsInstalled() {
    return access("/usr/bin/chromedriver", X_OK) == 0 && access("/usr/bin/chromium", X_OK) == 0;
  }

  // `folder` is empty and its own. `more` are flags of Chromium's.
  explicit Browser(const std::filesystem::path& folder, const std::vector<std::string>& more = {}) {
    std::filesystem::create_directories(folder / "profile");
    driver_.emplace(
        std::vector<std::string>{"/usr/bin/chromedriver", "--port=0"},
        std::vector<std::string>{"HOME=" + folder.string(), "PATH=/usr/bin:/bin", "LANG=C.UTF-8"},
        (folder / "driver.log").string());
    int port = 0;
    for (std::string line = driver_->ReadLine(); port == 0 && !line.empty();
         line = port == 0 ? driver_->ReadLine() : "") {
      const std::string words = "successfully on port ";
      const size_t at = line.find(words);
      if (at == std::string::npos) continue;
      const size_t begin = at + words.size();
      (void)absl::SimpleAtoi(line.substr(begin, line.find('.', begin) - begin), &port);
    }
    EXPECT_GT(port, 0) << "chromedriver does not start: " << ReadAll(folder / "driver.log");
    client_.emplace("127.0.0.1", port);
    client_->set_read_timeout(120);
    Json args = {"--headless",
                 "--no-sandbox",
                 "--disable-gpu",
                 "--disable-quic",
                 "--no-first-run",
                 "--disable-background-networking",
                 "--disable-component-update",
                 "--disable-sync",
                 "--disable-dev-shm-usage",
                 "--hide-scrollbars",
                 "--window-size=1200,900",
                 "--user-data-dir=" + (folder / "profile").string()};
    for (const std::string& flag : more) args.push_back(flag);
    const Json capabilities = {
        {"capabilities",
         {{"alwaysMatch",
           {{"browserName", "chrome"},
            {"goog:loggingPrefs", {{"browser", "ALL"}}},
            {"goog:chromeOptions", {{"binary", "/usr/bin/chromium"}, {"args", args}}}}}}}};
    const Json session = Post("/session", capabilities);
    if (session.contains("sessionId")) id_ = session["sessionId"].get<std::string>();
    EXPECT_NE(id_, "") << session.dump();
  }
  ~Browser() {
    if (!id_.empty()) client_->Delete("/session/" + id_);
  }

  void Open(const std::string& url) { Command("/url", {{"url", url}}); }
  void OpenFile(const std::filesystem::path& path) { Open("file://" + path.string()); }

  // What the body of a function returns.
  Json Run(const std::string& script) {
    return Command("/execute/sync", {{"script", script}, {"args", Json::array()}});
  }
  // Runs it until it returns what is true, for ten seconds.
  bool Becomes(const std::string& script) {
    for (int i = 0; i < 200; ++i) {
      if (Run(script) == Json(true)) return true;
      usleep(50000);
    }
    return false;
  }

  // The pointer over the element that the selector finds first, `dx` and `dy` from its middle.
  void Hover(const std::string& selector, int dx = 0, int dy = 0) {
    const Json element = Command("/element", {{"using", "css selector"}, {"value", selector}});
    Json move;
    move["type"] = "pointerMove";
    move["origin"] = element;
    move["x"] = dx;
    move["y"] = dy;
    move["duration"] = 0;
    Act("pointer", "mouse", Json::array({move}));
  }
  void Click(const std::string& selector) {
    const Json element = Command("/element", {{"using", "css selector"}, {"value", selector}});
    if (element.is_object() && !element.empty()) {
      Command("/element/" + element.begin()->get<std::string>() + "/click", Json::object());
    }
  }
  // Keys into what has the focus; ASCII.
  void Type(const std::string& text) {
    for (const char c : text) Press(std::string(1, c));
  }
  // One key: a character, or one of WebDriver's for others.
  static constexpr char kArrowRight[] = "\uE014";
  void Press(const std::string& key) {
    Json down, up;
    down["type"] = "keyDown";
    up["type"] = "keyUp";
    down["value"] = up["value"] = key;
    Act("key", "keyboard", Json::array({down, up}));
  }

  // As on a device of this size: innerWidth is `width`, which a window cannot always be.
  void Resize(int width, int height) {
    Command("/goog/cdp/execute",
            {{"cmd", "Emulation.setDeviceMetricsOverride"},
             {"params",
              {{"width", width}, {"height", height}, {"deviceScaleFactor", 1}, {"mobile", true}}}});
  }

  // Warnings and errors on the console, of scripts and of what could not be loaded. (The browser's
  // own first page leaves remarks there.)
  Json Console() {
    Json troubles = Json::array();
    for (const Json& entry : Command("/se/log", {{"type", "browser"}})) {
      if (entry["level"] != "INFO") troubles.push_back(entry);
    }
    return troubles;
  }

  // Where $ADJOINT_SCREENSHOTS names a folder, the page goes there as NAME.png, for people to see.
  void Screenshot(const std::string& name) {
    const char* const folder = std::getenv("ADJOINT_SCREENSHOTS");
    if (folder == nullptr) return;
    const Json shot = Command("/goog/cdp/execute", {{"cmd", "Page.captureScreenshot"},
                                                    {"params", {{"captureBeyondViewport", true}}}});
    std::string png;
    if (shot.contains("data") && absl::Base64Unescape(shot["data"].get<std::string>(), &png)) {
      WriteAll(std::filesystem::path(folder) / (name + ".png"), png);
    }
  }

 private:
  Json Command(const std::string& path, const Json& body) {
    return Post("/session/" + id_ + path, body);
  }
  void Act(const char* type, const char* device, const Json& actions) {
    Json source;
    source["type"] = type;
    source["id"] = device;
    source["actions"] = actions;
    Json body;
    body["actions"] = Json::array({source});
    Command("/actions", body);
  }

  // The "value" of the answer.
  Json Post(const std::string& path, const Json& body) {
    const httplib::Result answer = client_->Post(path, body.dump(), "application/json");
    if (!answer) {
      ADD_FAILURE() << "chromedriver does not answer " << path;
      return {};
    }
    const Json json = Json::parse(answer->body, nullptr, /*allow_exceptions=*/false);
    EXPECT_EQ(answer->status, 200) << path << " " << body.dump() << ": " << answer->body;
    return json.is_object() && json.contains("value") ? json["value"] : Json();
  }

  std::optional<Child> driver_;
  std::optional<httplib::Client> client_;
  std::string id_;
};

}  // namespace adjoint::apps

#endif  // ADJOINT_TESTS_APPS_BROWSER_H_
