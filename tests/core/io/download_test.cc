#include "core/io/download.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "core/io/file.h"
#include "core/io/hash.h"
#include "gmock/gmock.h"
#include "tests/core/io/http_server.h"

namespace adjoint::io {
namespace {

using ::testing::HasSubstr;
using testing_internal::HttpServer;

class DownloadTest : public testing::Test {
 protected:
  DownloadTest()
      : body_(300'000, 'b'), server_([this](const std::string& p) { return Answer(p); }) {
    folder_ = testing::TempDir() + "/download." + std::to_string(getpid());
    std::filesystem::remove_all(folder_);
    EXPECT_TRUE(server_.good());
  }

  std::string Answer(const std::string& path) const {
    if (path == "/file") return HttpServer::Ok(body_);
    if (path == "/moved") {
      return "HTTP/1.1 302 Found\r\nLocation: /file\r\nContent-Length: 0\r\nConnection: "
             "close\r\n\r\n";
    }
    if (path == "/cut") return HttpServer::Ok(body_).substr(0, 100'000);
    if (path == "/silent") return "";
    const std::string status = path == "/forbidden" ? "403 Forbidden" : "404 Not Found";
    return "HTTP/1.1 " + status + "\r\nContent-Length: 4\r\nConnection: close\r\n\r\noops";
  }

  // Everything in the folder, by name.
  std::string Files() const {
    std::string names;
    if (!std::filesystem::exists(folder_)) return names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      names += entry.path().filename().string() + ";";
    }
    return names;
  }

  std::string body_;
  HttpServer server_;
  std::string folder_;
};

TEST_F(DownloadTest, FetchesChecksAndTellsProgress) {
  DownloadOptions options;
  options.sha256 = Sha256Hex(body_);
  int64_t received = 0, total = 0;
  options.progress = [&](int64_t r, int64_t t) {
    received = r;
    total = t;
  };
  for (const char* path : {"/file", "/moved"}) {
    std::filesystem::remove_all(folder_);
    const absl::Status status = Download(server_.url() + path, folder_ + "/a/file", options);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(ReadFile(folder_ + "/a/file").value(), body_);
    EXPECT_EQ(received, 300'000);
    EXPECT_EQ(total, 300'000);
  }
}

TEST_F(DownloadTest, FailuresAreOneLineAndLeaveWhatWasThere) {
  ASSERT_TRUE(MakeFolders(folder_).ok());
  ASSERT_TRUE(WriteFileAtomically(folder_ + "/file", "old").ok());
  struct Case {
    std::string path;
    std::string sha256;
    absl::StatusCode code;
    std::string text;
  };
  const Case cases[] = {
      {"/file", std::string(64, '0'), absl::StatusCode::kDataLoss,
       "the SHA-256 of the 300000 bytes received is " + Sha256Hex(body_) + ", expected 000"},
      {"/none", "", absl::StatusCode::kNotFound, "404"},
      {"/forbidden", "", absl::StatusCode::kPermissionDenied, "403"},
      {"/cut", "", absl::StatusCode::kUnavailable, "200"},
      {"/silent", "", absl::StatusCode::kUnavailable, "Empty reply"},
  };
  for (const Case& c : cases) {
    DownloadOptions options;
    options.sha256 = c.sha256;
    const std::string url = server_.url() + c.path;
    const absl::Status status = Download(url, folder_ + "/file", options);
    EXPECT_EQ(status.code(), c.code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("cannot download " + url + ": "));
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.text));
    EXPECT_EQ(status.message().find('\n'), absl::string_view::npos);
    EXPECT_EQ(ReadFile(folder_ + "/file").value(), "old");
    EXPECT_EQ(Files(), "file;");
  }
}

TEST_F(DownloadTest, StopsAtTheBoundAndAtOtherSchemes) {
  DownloadOptions options;
  options.max_bytes = 1000;
  EXPECT_THAT(Download(server_.url() + "/file", folder_ + "/file", options).ToString(),
              HasSubstr("more than the 1000 bytes that are allowed"));
  EXPECT_THAT(Download("file:///etc/hostname", folder_ + "/file").ToString(),
              HasSubstr("cannot download file:///etc/hostname: "));
  EXPECT_EQ(Files(), "");
}

TEST_F(DownloadTest, NobodyListensOrNoSuchHost) {
  std::string url;
  {
    HttpServer gone([](const std::string&) { return ""; });
    url = gone.url();
  }
  const absl::Status refused = Download(url + "/file", folder_ + "/file");
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable) << refused;
  EXPECT_THAT(refused.ToString(), HasSubstr("Failed to connect"));
  // .invalid is reserved for names that do not exist (RFC 6761).
  const absl::Status unknown = Download("http://adjoint.invalid/file", folder_ + "/file");
  EXPECT_EQ(unknown.code(), absl::StatusCode::kUnavailable) << unknown;
  EXPECT_EQ(Files(), "");
}

}  // namespace
}  // namespace adjoint::io
