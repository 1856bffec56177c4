#ifndef ADJOINT_TESTS_CORE_IO_HTTP_SERVER_H_
#define ADJOINT_TESTS_CORE_IO_HTTP_SERVER_H_

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"

namespace adjoint::io::testing_internal {

// An HTTP server on the loopback interface, one connection at a time. `answer` makes the whole
// response, head and body, to a request for a path; the connection is closed behind it.
class HttpServer {
 public:
  explicit HttpServer(std::function<std::string(const std::string& path)> answer)
      : answer_(std::move(answer)), listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    good_ = bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
            listen(listener_, 8) == 0 &&
            getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    port_ = ntohs(address.sin_port);
    if (good_) thread_ = std::thread([this] { Serve(); });
  }
  ~HttpServer() {
    shutdown(listener_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    close(listener_);
  }

  bool good() const { return good_; }
  int requests() const { return requests_; }
  std::string url() const { return absl::StrCat("http://127.0.0.1:", port_); }

  static std::string Ok(const std::string& body) {
    return absl::StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", body.size(),
                        "\r\nConnection: close\r\n\r\n", body);
  }

 private:
  void Serve() {
    while (true) {
      const int connection = accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      std::string request;
      char piece[4096];
      ssize_t got;
      while (request.find("\r\n\r\n") == std::string::npos &&
             (got = recv(connection, piece, sizeof(piece), 0)) > 0) {
        request.append(piece, static_cast<size_t>(got));
      }
      ++requests_;
      const size_t begin = request.find(' ') + 1;
      const std::string response = answer_(request.substr(begin, request.find(' ', begin) - begin));
      for (size_t sent = 0; sent < response.size();) {
        const ssize_t n =
            send(connection, response.data() + sent, response.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) break;
        sent += static_cast<size_t>(n);
      }
      close(connection);
    }
  }

  std::function<std::string(const std::string&)> answer_;
  int listener_;
  bool good_ = false;
  uint16_t port_ = 0;
  std::atomic<int> requests_{0};
  std::thread thread_;
};

}  // namespace adjoint::io::testing_internal

#endif  // ADJOINT_TESTS_CORE_IO_HTTP_SERVER_H_
