#include <httplib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "apps/imdb/classifier.h"
#include "apps/imdb/commands.h"
#include "apps/imdb/output.h"
#include "apps/imdb/review_input.h"
#include "apps/imdb/serve/api.h"
#include "apps/imdb/serve/batcher.h"
#include "apps/imdb/text.h"
#include "core/status_macros.h"

namespace adjoint::apps::imdb {
namespace {

constexpr char kHost[] = "127.0.0.1";
constexpr size_t kThreads = 256;  // connections at once; each waits most of its time

// Written to by the signal handler, read by the thread that stops the server.
std::atomic<int> stop_event{-1};

extern "C" void OnStopSignal(int) {
  const int saved = errno;
  const uint64_t one = 1;
  if (write(stop_event.load(), &one, sizeof(one)) < 0) {  // nobody could be told
  }
  errno = saved;
}

// Turns SIGINT and SIGTERM into an event while it lives. A second signal ends the process.
class StopSignals {
 public:
  StopSignals() : event_(eventfd(0, EFD_CLOEXEC)) {
    stop_event = event_;
    struct sigaction action = {};
    action.sa_handler = OnStopSignal;
    action.sa_flags = SA_RESTART | SA_RESETHAND;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, &old_int_);
    sigaction(SIGTERM, &action, &old_term_);
  }
  ~StopSignals() {
    sigaction(SIGINT, &old_int_, nullptr);
    sigaction(SIGTERM, &old_term_, nullptr);
    stop_event = -1;
    close(event_);
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  void Wait() {
    uint64_t count;
    while (read(event_, &count, sizeof(count)) < 0 && errno == EINTR) {
    }
  }
  // As if a signal had come.
  void Raise() { OnStopSignal(0); }

 private:
  const int event_;
  struct sigaction old_int_ = {}, old_term_ = {};
};

class Server final : public httplib::Server {
 public:
  // Returns the port. `port` 0: one that is free.
  absl::StatusOr<int> Bind(int port) {
    // The library would let a second server share the port.
    set_socket_options([](socket_t socket) {
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    });
    if (port == 0) {
      port = bind_to_any_port(kHost);
      if (port < 0) return Refused(0);
    } else if (!bind_to_port(kHost, port)) {
      return Refused(port);
    }
    // The library lets five connections wait to be accepted.
    ::listen(svr_sock_, SOMAXCONN);
    return port;
  }

 private:
  // The library does not tell why.
  static absl::Status Refused(int port) {
    const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto close_probe = absl::MakeCleanup([&] { close(probe); });
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    errno = 0;
    const int yes = 1;
    if (probe >= 0) setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    const bool free = probe >= 0 &&
                      bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
                      ::listen(probe, 1) == 0;
    const int error = free ? EADDRINUSE : errno;
    const absl::Status status =
        absl::ErrnoToStatus(error, absl::StrCat("cannot listen on ", kHost, ":", port));
    return absl::Status(status.code(),
                        absl::StrCat(status.message(),
                                     "; name another port by --port, or by --port=0 any that is "
                                     "free"));
  }
};

void Send(const HttpAnswer& answer, httplib::Response& response) {
  response.status = answer.status;
  if (!answer.allow.empty()) response.set_header("Allow", answer.allow);
  response.set_content(answer.body, answer.content_type);
}

HttpRequest Translated(const httplib::Request& request) {
  return {.method = request.method,
          .path = request.path,
          .content_type = request.get_header_value("Content-Type")};
}

// Reads the body to its end, so that the connection is good for another request; keeps one byte
// more than it may have.
std::string ReadBody(const httplib::Request& request, const httplib::ContentReader& reader) {
  std::string body;
  if (request.is_multipart_form_data()) {  // refused in any case
    reader([](const httplib::MultipartFormData&) { return true; },
           [](const char*, size_t) { return true; });
    return body;
  }
  reader([&](const char* data, size_t size) {
    body.append(data, std::min(size, kMaxBodyBytes + 1 - body.size()));
    return true;
  });
  return body;
}

void Route(const Api& api, Server& server) {
  const auto bare = [&api](const httplib::Request& request, httplib::Response& response) {
    Send(api.Answer(Translated(request)), response);
  };
  const auto with_body = [&api](const httplib::Request& request, httplib::Response& response,
                                const httplib::ContentReader& reader) {
    HttpRequest translated = Translated(request);
    translated.body = ReadBody(request, reader);
    // The library has refused a body of a greater length, or one that breaks off.
    if (response.status == 413) translated.body.assign(kMaxBodyBytes + 1, ' ');
    Send(api.Answer(translated), response);
  };
  constexpr char kAny[] = ".*";
  server.Get(kAny, bare);
  server.Options(kAny, bare);
  server.Post(kAny, with_body);
  server.Put(kAny, with_body);
  server.Patch(kAny, with_body);
  server.Delete(kAny, with_body);
  server.set_error_handler([](const httplib::Request&, httplib::Response& response) {
    if (!response.body.empty()) return;
    Send(JsonError(response.status, response.status == 413   ? "the body is too long"
                                    : response.status == 414 ? "the address is too long"
                                                             : "this is no HTTP request that the "
                                                               "server understands"),
         response);
  });
  server.set_exception_handler(
      [](const httplib::Request&, httplib::Response& response, std::exception_ptr error) {
        std::string what = "something went wrong";
        try {
          std::rethrow_exception(std::move(error));
        } catch (const std::exception& known) {
          what = known.what();
        } catch (...) {
        }
        Send(JsonError(500, what), response);
      });
}

void Configure(Server& server) {
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server.set_payload_max_length(kMaxBodyBytes);
  server.set_tcp_nodelay(true);
  // An idle connection holds a thread, and a stop waits for it.
  server.set_keep_alive_timeout(1);
  server.set_keep_alive_max_count(100000);
  server.set_default_headers(
      {{"X-Content-Type-Options", "nosniff"}, {"Cache-Control", "no-store"}});
}

}  // namespace

absl::Status RunServe(const Options& options) {
  NoteUnused(options, {"network", "num_words", "hidden", "encoding", "threads", "out", "model"});
  ADJOINT_ASSIGN_OR_RETURN(std::unique_ptr<Classifier> classifier, LoadClassifierFor(options));
  if (classifier->info().synthetic) NoteSyntheticModel();
  StopSignals signals;
  Batcher batcher(std::move(classifier));
  // Compiles the model, and finds out whether it predicts at all.
  ADJOINT_RETURN_IF_ERROR(batcher.Explain("").status());
  const Api api(batcher, options.model);
  Server server;
  Configure(server);
  Route(api, server);
  ADJOINT_ASSIGN_OR_RETURN(const int port, server.Bind(options.port));
  std::cout << "Serving " << options.model << " at http://" << kHost << ":" << port
            << "/ (Ctrl+C stops)\n";
  ADJOINT_RETURN_IF_ERROR(FlushOutput());
  std::atomic<bool> ended{false};
  std::thread stopper([&] {
    signals.Wait();
    // Before the server runs it cannot be stopped.
    while (!ended && !server.is_running())
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    server.stop();
  });
  const bool good = server.listen_after_bind();
  ended = true;
  signals.Raise();
  stopper.join();
  if (!good) return absl::UnavailableError("the server cannot accept connections any more");
  const Batcher::Counts counts = batcher.counts();
  std::cout << "Stopped after " << WithCommas(counts.texts) << " texts in "
            << WithCommas(counts.batches) << " batches\n";
  return FlushOutput();
}

}  // namespace adjoint::apps::imdb
