// imdb serve as clients meet it: the endpoint, its errors and limits, many clients, its end.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/apps/browser.h"
#include "tests/apps/child.h"
#include "tests/apps/imdb_place.h"

namespace adjoint::apps {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Json = nlohmann::json;

constexpr char kJsonType[] = "application/json";

// imdb serve on a port that is free.
class Service {
 public:
  explicit Service(const std::vector<std::string>& more = {"--port=0"}) {
    std::vector<std::string> args = {ImdbProgram(), "serve"};
    args.insert(args.end(), more.begin(), more.end());
    errors_ = TrainedPlace().here().parent_path() / "serve.err";
    child_ = std::make_unique<Child>(
        args,
        std::vector<std::string>{"HOME=/nowhere", "PATH=/usr/bin:/bin",
                                 "BUILD_WORKING_DIRECTORY=" + TrainedPlace().here().string()},
        errors_.string());
    line_ = child_->ReadLine();
    const size_t at = line_.find("127.0.0.1:");
    if (at != std::string::npos) {
      (void)absl::SimpleAtoi(line_.substr(at + 10, line_.find('/', at) - at - 10), &port_);
    }
  }

  int port() const { return port_; }
  const std::string& line() const { return line_; }
  std::string url() const { return absl::StrCat("http://127.0.0.1:", port_); }
  std::string Errors() const { return ReadAll(errors_); }
  Child& child() { return *child_; }
  httplib::Client Client() const {
    httplib::Client client("127.0.0.1", port_);
    client.set_read_timeout(60);
    return client;
  }

 private:
  std::filesystem::path errors_;
  std::unique_ptr<Child> child_;
  std::string line_;
  int port_ = 0;
};

// One for all tests that leave it as it is.
Service& Shared() {
  static Service service;
  return service;
}

Json Parsed(const httplib::Result& answer) {
  if (!answer) return "no answer";
  return Json::parse(answer->body, nullptr, /*allow_exceptions=*/false);
}

TEST(ImdbServeTest, PredictsAsTheCommandPredictDoes) {
  ASSERT_GT(Shared().port(), 0) << Shared().line() << Shared().Errors();
  EXPECT_THAT(Shared().line(), StartsWith("Serving imdb_out/imdb.model at http://127.0.0.1:"));
  EXPECT_THAT(Shared().Errors(), HasSubstr("trained on built-in synthetic reviews"));
  const std::vector<std::string> texts = {"A superb film, moving and wonderful.",
                                          "An awful, boring waste of time.", "", "caf\u00e9"};
  const RunResult run = Imdb(TrainedPlace(), {"predict"},
                             absl::StrCat(texts[0], "\n", texts[1], "\n\n", texts[3], "\n"));
  ASSERT_EQ(run.code, 0);
  const std::vector<std::string> lines = absl::StrSplit(run.out, '\n');
  auto client = Shared().Client();
  const auto answer = client.Post("/v1/predict", Json{{"texts", texts}}.dump(), kJsonType);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->get_header_value("Content-Type"), kJsonType);
  const Json predictions = Parsed(answer)["predictions"];
  ASSERT_EQ(predictions.size(), texts.size()) << answer->body;
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::vector<std::string> parts = absl::StrSplit(lines[i], '\t');
    double probability;
    ASSERT_TRUE(absl::SimpleAtod(parts[0], &probability));
    EXPECT_NEAR(predictions[i]["probability"], probability, 2e-6);
    EXPECT_EQ(predictions[i]["label"], parts[1]);
  }
  EXPECT_EQ(predictions[0]["label"], "positive");
  EXPECT_EQ(predictions[1]["label"], "negative");
  const auto none =
      client.Post("/v1/predict", "{\"texts\": []}", "application/json; charset=utf-8");
  ASSERT_TRUE(none);
  EXPECT_EQ(none->body, "{\"predictions\":[]}\n");
}

TEST(ImdbServeTest, ExplainsInPiecesThatMakeUpTheText) {
  auto client = Shared().Client();
  const std::string text = "A superb film --\nbut BORING, caf\u00e9 & <b>.";
  const Json answer = Parsed(client.Post("/v1/explain", Json{{"text", text}}.dump(), kJsonType));
  std::string joined;
  double sum = answer["base"];
  for (const Json& piece : answer["pieces"]) {
    joined += piece["text"].get<std::string>();
    sum += piece.value("contribution", 0.0);
  }
  EXPECT_EQ(joined, text);
  EXPECT_NEAR(sum, answer["logit"], 1e-4);
  const double logit = answer["logit"];
  EXPECT_NEAR(answer["probability"], 1 / (1 + std::exp(-logit)), 1e-5);
  EXPECT_GE(std::abs(answer["terms"][0]["contribution"].get<double>()),
            std::abs(answer["terms"][1]["contribution"].get<double>()));
  const Json model = Parsed(client.Get("/v1/model"));
  EXPECT_EQ(model["network"], "mlp");
  EXPECT_EQ(model["limits"]["texts"], 256);
}

TEST(ImdbServeTest, ErrorsAreJsonWithTheRightStatus) {
  struct Case {
    const char* method;
    std::string path, type, body;
    int status;
    const char* message;
  };
  const std::string many = Json{{"texts", std::vector<std::string>(257, "x")}}.dump();
  const std::string longest = Json{{"texts", {"good", std::string(100001, 'x')}}}.dump();
  const std::vector<Case> cases = {
      {"POST", "/v1/predict", kJsonType, "{\"texts\": [", 400,
       "the body is no JSON: something is "},
      {"POST", "/v1/predict", kJsonType, "", 400, "the body is no JSON"},
      {"POST", "/v1/predict", kJsonType, "{\"texts\": [\"\xff\"]}", 400, "the body is no JSON"},
      {"POST", "/v1/predict", kJsonType, std::string(100000, '['), 400, "the body is no JSON"},
      {"POST", "/v1/predict", kJsonType, "[1]", 400, "the body is no object without \"texts\""},
      {"POST", "/v1/predict", kJsonType, "{\"text\": \"a\"}", 400,
       "an object without \"texts\"; "
       "send {\"texts\": [\"A fine film.\"]}"},
      {"POST", "/v1/predict", kJsonType, "{\"texts\": \"a\"}", 400, "\"texts\" is no list"},
      {"POST", "/v1/predict", kJsonType, "{\"texts\": [\"a\", 3]}", 400, "\"texts\"[1] is no str"},
      {"POST", "/v1/explain", kJsonType, "{\"text\": 1}", 400, "\"text\" is no string"},
      {"GET", "/v1/nothing", "", "", 404, "there is no /v1/nothing; there are GET /, "},
      {"POST", "/", kJsonType, "{}", 405, "/ wants GET, not POST"},
      {"GET", "/v1/predict", "", "", 405, "/v1/predict wants POST, not GET"},
      {"PUT", "/v1/predict", kJsonType, "{}", 405, "wants POST, not PUT"},
      {"DELETE", "/v1/explain", "", "", 405, "wants POST, not DELETE"},
      {"OPTIONS", "/v1/predict", "", "", 405, "wants POST, not OPTIONS"},
      {"POST", "/v1/predict", kJsonType, many, 413, "\"texts\" has 257 texts; a request may have "},
      {"POST", "/v1/predict", kJsonType, longest, 413, "\"texts\"[1] has 100001 bytes"},
      {"POST", "/v1/predict", kJsonType, std::string(2 << 20, ' '), 413, "longer than 1048576"},
      {"POST", "/v1/predict", "text/plain", "good", 415, "the Content-Type is 'text/plain'; send "},
      {"POST", "/v1/predict", "", "", 415, "the Content-Type is missing"},
      {"POST", "/v1/predict", "multipart/form-data; boundary=x", "--x--\r\n", 415, "is 'multipart"},
      {"POST", "/v1/predict", "application/x-www-form-urlencoded", "a=b", 415,
       "is 'application/x-"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(absl::StrCat(c.method, " ", c.path, " ", c.type, " ", c.body.substr(0, 40)));
    auto client = Shared().Client();
    // Once more on the same connection: nothing of the first request is left on it.
    client.set_keep_alive(true);
    for (int i = 0; i < 2; ++i) {
      httplib::Request request;
      request.method = c.method;
      request.path = c.path;
      request.body = c.body;
      if (!c.type.empty()) request.set_header("Content-Type", c.type);
      const httplib::Result answer = client.send(request);
      ASSERT_TRUE(answer) << httplib::to_string(answer.error());
      EXPECT_EQ(answer->status, c.status);
      const Json json = Parsed(answer);
      ASSERT_TRUE(json.is_object() && json.contains("error")) << answer->body;
      EXPECT_EQ(json["error"]["status"], c.status);
      EXPECT_THAT(json["error"]["message"].get<std::string>(), HasSubstr(c.message));
      if (c.status == 405) {
        EXPECT_EQ(answer->get_header_value("Allow"), c.path == "/" ? "GET, HEAD" : "POST");
      }
    }
  }
}

// Bytes to the service, and all that it answers until it closes the connection or says nothing
// more.
std::string Exchange(int port, const std::string& request) {
  const int connection = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) return "";
  (void)send(connection, request.data(), request.size(), MSG_NOSIGNAL);
  const timeval patience = {.tv_sec = 2, .tv_usec = 0};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  std::string answer;
  char piece[4096];
  for (ssize_t got; (got = recv(connection, piece, sizeof(piece), 0)) > 0;) {
    answer.append(piece, static_cast<size_t>(got));
  }
  close(connection);
  return answer;
}

TEST(ImdbServeTest, WhatIsNoRequestDoesNoHarm) {
  const int port = Shared().port();
  EXPECT_THAT(Exchange(port, "nonsense\r\n\r\n"), HasSubstr("400"));
  EXPECT_THAT(Exchange(port, absl::StrCat("GET /", std::string(20000, 'a'), " HTTP/1.1\r\n\r\n")),
              AllOf(HasSubstr("414"), HasSubstr("the address is too long")));
  Exchange(port, std::string(100, '\0'));
  Exchange(port, "");
  // A body in chunks, which tells no length beforehand.
  std::string chunks =
      absl::StrCat("POST /v1/predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\n",
                   "Content-Type: application/json\r\n", "Transfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 20; ++i) {
    absl::StrAppend(&chunks, "10000\r\n", std::string(0x10000, ' '), "\r\n");
  }
  EXPECT_THAT(Exchange(port, absl::StrCat(chunks, "0\r\n\r\n")), HasSubstr("HTTP/1.1 413"));
  auto client = Shared().Client();
  EXPECT_EQ(client.Get("/v1/model")->status, 200);
}

TEST(ImdbServeTest, AHundredClientsAtOnceAreServed) {
  constexpr int kClients = 100, kRequests = 10;
  const std::vector<std::string> texts = {"A wonderful, moving film.", "Awful and boring.", "",
                                          "The plot is dull, but the cast is superb."};
  // What each gets alone; then answers come from batches that others have a part in.
  std::vector<double> alone;
  for (const std::string& text : texts) {
    auto client = Shared().Client();
    const Json body = {{"texts", Json::array({text})}};
    alone.push_back(Parsed(
        client.Post("/v1/predict", body.dump(), kJsonType))["predictions"][0]["probability"]);
  }
  std::atomic<int> good{0};
  std::vector<std::thread> clients;
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([&, c] {
      auto client = Shared().Client();
      client.set_keep_alive(c % 2 == 0);
      for (int r = 0; r < kRequests; ++r) {
        std::vector<size_t> asked;
        Json list = Json::array();
        for (int i = 0; i <= (c + r) % 7; ++i) {
          asked.push_back(static_cast<size_t>(c + i * r) % texts.size());
          list.push_back(texts[asked.back()]);
        }
        const Json body = {{"texts", list}};
        const auto answer = client.Post("/v1/predict", body.dump(), kJsonType);
        if (!answer || answer->status != 200) continue;
        const Json predictions = Parsed(answer)["predictions"];
        bool right = predictions.size() == asked.size();
        for (size_t i = 0; right && i < asked.size(); ++i) {
          const double probability = predictions[i]["probability"];
          right = std::abs(probability - alone[asked[i]]) < 1e-5;
        }
        good += right ? 1 : 0;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(good, kClients * kRequests);
}

TEST(ImdbServeTest, StopsGracefullyAndBatchesRequests) {
  for (const int number : {SIGINT, SIGTERM}) {
    Service service;
    ASSERT_GT(service.port(), 0) << service.line() << service.Errors();
    constexpr int kClients = 40;
    std::atomic<int> good{0}, begun{0};
    std::vector<std::thread> clients;
    for (int c = 0; c < kClients; ++c) {
      clients.emplace_back([&] {
        auto client = service.Client();
        ++begun;
        const auto answer = client.Post("/v1/predict", "{\"texts\": [\"good\"]}", kJsonType);
        good += answer && answer->status == 200 ? 1 : 0;
      });
    }
    for (std::thread& client : clients) client.join();
    EXPECT_EQ(good, kClients);
    service.child().Signal(number);
    const std::string last = service.child().ReadLine(20);
    EXPECT_EQ(service.child().Wait(20), 0);
    // One text more is asked for at the start.
    int texts = 0, batches = 0;
    ASSERT_EQ(sscanf(last.c_str(), "Stopped after %d texts in %d batches", &texts, &batches), 2)
        << last;
    EXPECT_EQ(texts, kClients + 1);
    EXPECT_LT(batches, texts);
  }
}

TEST(ImdbServeTest, APortInUseIsOneLine) {
  const std::vector<std::string> taken = {absl::StrCat("--port=", Shared().port())};
  Service second(taken);
  EXPECT_EQ(second.line(), "");
  EXPECT_EQ(second.child().Wait(), 1);
  const std::vector<std::string> lines = absl::StrSplit(second.Errors(), '\n');
  EXPECT_EQ(lines[lines.size() - 2],
            absl::StrCat("imdb: cannot listen on 127.0.0.1:", Shared().port(),
                         ": Address already in use; name another port by --port, or by --port=0 "
                         "any that is free"));
  const RunResult wrong = Imdb(TrainedPlace(), {"serve", "--port=70000"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("--port=70000: wants a whole number from 0 to 65535"));
  const RunResult none = Imdb(TrainedPlace(), {"serve", "--model=none", "--port=0"});
  EXPECT_EQ(none.code, 1);
  EXPECT_THAT(none.err, HasSubstr("imdb: cannot read 'none': No such file"));
}

TEST(ImdbServeTest, ThePageColoursWordsAsOneTypes) {
  if (!Browser::IsInstalled()) GTEST_SKIP() << "chromium and chromium-driver are not installed";
  const Place place("serve_page");
  Browser browser(place.here());
  browser.Open(Shared().url() + "/");
  EXPECT_EQ(browser.Run("return document.title"), "Is this review positive?");
  EXPECT_EQ(browser.Run("return document.querySelector('#label').textContent"), "–");
  browser.Screenshot("serve_empty");
  browser.Click("#text");
  browser.Type("An awful, boring film.");
  EXPECT_TRUE(
      browser.Becomes("return document.querySelector('#label').textContent.startsWith("
                      "'negative')"));
  EXPECT_TRUE(
      browser.Becomes("return [...document.querySelectorAll('#shade .neg')].some("
                      "(e) => e.textContent === 'boring')"));
  EXPECT_EQ(browser.Run("return document.querySelector('#shade').textContent.slice(0, 22)"),
            "An awful, boring film.");
  EXPECT_EQ(browser.Run("return getComputedStyle(document.querySelector('#shade .neg'))"
                        ".backgroundColor !== 'rgba(0, 0, 0, 0)'"),
            true);
  EXPECT_EQ(browser.Run("return document.querySelectorAll('#terms .bar').length > 1"), true);
  browser.Screenshot("serve_negative");
  browser.Click("button[data-text]");
  EXPECT_TRUE(
      browser.Becomes("return document.querySelector('#label').textContent.startsWith("
                      "'positive')"));
  EXPECT_EQ(browser.Run("return parseFloat(document.querySelector('#needle').style.left) > 50"),
            true);
  EXPECT_EQ(browser.Console(), Json::array());
  browser.Resize(375, 800);
  EXPECT_EQ(browser.Run("return document.documentElement.scrollWidth <= innerWidth"), true);
  browser.Screenshot("serve_phone");
}

}  // namespace
}  // namespace adjoint::apps
