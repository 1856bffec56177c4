#ifndef ADJOINT_NN_EVENT_WRITER_H_
#define ADJOINT_NN_EVENT_WRITER_H_

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor.h"
#include "graph/program.h"

namespace adjoint::nn {

// A TensorBoard event file: a row of TFRecords, each the length of its bytes (8 bytes, little
// endian), a checksum of those 8, the bytes, and a checksum of them. A checksum is the CRC-32C,
// rotated right by 15 bits, plus 0xa282ead8. The bytes are an event (nn/event.proto). Not
// thread-safe.
class EventWriter {
 public:
  // A new file "events.out.tfevents.<seconds>.<host>.<process>.<count>" in `dir`, which is made
  // where it is missing.
  static absl::StatusOr<std::unique_ptr<EventWriter>> Create(const std::string& dir);
  ~EventWriter();
  EventWriter(const EventWriter&) = delete;
  EventWriter& operator=(const EventWriter&) = delete;

  // What cannot be written shows in Flush.
  void Scalar(absl::string_view tag, double value, int64_t step);
  // Finite elements in 30 buckets of equal width; elements that are not finite are left out.
  void Histogram(absl::string_view tag, const Tensor& values, int64_t step);
  void Graph(const graph::Program& program);

  absl::Status Flush();
  const std::string& path() const { return path_; }

 private:
  EventWriter(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}
  void Record(const std::string& bytes);

  const std::string path_;
  std::FILE* const file_;
  bool failed_ = false;
};

}  // namespace adjoint::nn

#endif  // ADJOINT_NN_EVENT_WRITER_H_
