#include "nn/event_writer.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <set>

#include "absl/strings/str_cat.h"
#include "core/io/crc32c.h"
#include "core/io/file.h"
#include "core/status_macros.h"
#include "nn/event.pb.h"

namespace adjoint::nn {
namespace {

constexpr int kBuckets = 30;

double Now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

proto::EventProto EventAt(int64_t step) {
  proto::EventProto event;
  event.set_wall_time(Now());
  event.set_step(step);
  return event;
}

std::string LittleEndian(uint64_t x, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text.push_back(static_cast<char>(x >> (8 * i)));
  return text;
}

std::string MaskedCrc(absl::string_view bytes) {
  const uint32_t crc = io::Crc32c(bytes);
  return LittleEndian(uint32_t{((crc >> 15) | (crc << 17)) + 0xa282ead8u}, 4);
}

int TensorFlowType(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return 1;
    case DType::kF64:
      return 2;
    case DType::kI32:
      return 3;
    case DType::kU8:
      return 4;
    case DType::kI64:
      return 9;
    case DType::kBool:
      return 10;
    default:
      return 0;  // DT_INVALID: TensorBoard shows none
  }
}

void ToProto(const Shape& shape, proto::TensorShapeProto* to) {
  for (const Dim dim : shape.dims()) {
    proto::TensorShapeProto::Dim* const message = to->add_dim();
    message->set_size(dim.is_known() ? dim.value() : -1);
    if (dim.is_symbol()) message->set_name(dim.name());
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<EventWriter>> EventWriter::Create(const std::string& dir) {
  static std::atomic<int> count{0};
  ADJOINT_RETURN_IF_ERROR(io::MakeFolders(dir));
  char host[256] = "localhost";
  gethostname(host, sizeof(host) - 1);
  const std::string path = absl::StrCat(dir, "/events.out.tfevents.", static_cast<int64_t>(Now()),
                                        ".", host, ".", getpid(), ".", count++);
  std::FILE* const file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot write '", path, "'"));
  }
  auto writer = std::unique_ptr<EventWriter>(new EventWriter(path, file));
  proto::EventProto event = EventAt(0);
  event.set_file_version("brain.Event:2");
  writer->Record(event.SerializeAsString());
  return writer;
}

EventWriter::~EventWriter() { std::fclose(file_); }

void EventWriter::Record(const std::string& bytes) {
  const std::string length = LittleEndian(bytes.size(), 8);
  for (const std::string& part : {length, MaskedCrc(length), bytes, MaskedCrc(bytes)}) {
    if (std::fwrite(part.data(), 1, part.size(), file_) != part.size()) failed_ = true;
  }
}

absl::Status EventWriter::Flush() {
  errno = 0;
  if (std::fflush(file_) == 0 && !failed_) return absl::OkStatus();
  return absl::ErrnoToStatus(errno == 0 ? EIO : errno, absl::StrCat("cannot write '", path_, "'"));
}

void EventWriter::Scalar(absl::string_view tag, double value, int64_t step) {
  proto::EventProto event = EventAt(step);
  proto::SummaryProto::Value* const to = event.mutable_summary()->add_value();
  to->set_tag(std::string(tag));
  to->set_simple_value(static_cast<float>(value));
  Record(event.SerializeAsString());
}

void EventWriter::Histogram(absl::string_view tag, const Tensor& values, int64_t step) {
  proto::EventProto event = EventAt(step);
  proto::SummaryProto::Value* const to = event.mutable_summary()->add_value();
  to->set_tag(std::string(tag));
  proto::HistogramProto& histogram = *to->mutable_histo();
  double low = HUGE_VAL, high = -HUGE_VAL, sum = 0, squares = 0, num = 0;
  for (int64_t i = 0; i < values.size(); ++i) {
    const double x = values.ValueAt(i);
    if (!std::isfinite(x)) continue;
    low = std::min(low, x);
    high = std::max(high, x);
    sum += x;
    squares += x * x;
    ++num;
  }
  if (num > 0) {
    histogram.set_min(low);
    histogram.set_max(high);
    histogram.set_num(num);
    histogram.set_sum(sum);
    histogram.set_sum_squares(squares);
    // Elements that are all equal make one bucket.
    const int buckets = high > low ? kBuckets : 1;
    std::vector<double> limits;
    for (int i = 0; i + 1 < buckets; ++i) {
      const double part = (i + 1.0) / buckets;
      limits.push_back(low * (1 - part) + high * part);
    }
    std::vector<double> counts(static_cast<size_t>(buckets), 0.0);
    for (int64_t i = 0; i < values.size(); ++i) {
      const double x = values.ValueAt(i);
      if (!std::isfinite(x)) continue;
      counts[std::upper_bound(limits.begin(), limits.end(), x) - limits.begin()] += 1;
    }
    limits.push_back(high);
    histogram.mutable_bucket_limit()->Add(limits.begin(), limits.end());
    histogram.mutable_bucket()->Add(counts.begin(), counts.end());
  }
  Record(event.SerializeAsString());
}

void EventWriter::Graph(const graph::Program& program) {
  proto::GraphDefProto message;
  message.mutable_versions()->set_producer(22);
  const graph::Graph& graph = *program.graph;
  std::vector<std::string> names;
  std::set<std::string> taken;
  for (int id = 0; id < graph.num_nodes(); ++id) {
    const graph::Node& node = graph.node(id);
    // TensorBoard folds nodes by the parts of their names between slashes.
    std::string name = absl::StrCat(*node.scope, node.scope->empty() ? "" : "/", node.op->name);
    if (!taken.insert(name).second) {
      name = absl::StrCat(name, "_", id);
      taken.insert(name);
    }
    names.push_back(name);
    proto::NodeDefProto* const to = message.add_node();
    to->set_name(name);
    to->set_op(std::string(node.op->name));
    for (const graph::Var& input : node.inputs) {
      const std::string& from = names[static_cast<size_t>(input.node)];
      to->add_input(input.output == 0 ? from : absl::StrCat(from, ":", input.output));
    }
    if (node.outputs.empty()) continue;
    (*to->mutable_attr())["T"].set_type(TensorFlowType(node.outputs[0].dtype));
    for (const TensorSpec& output : node.outputs) {
      ToProto(output.shape, (*to->mutable_attr())["_output_shapes"].mutable_list()->add_shape());
    }
  }
  proto::EventProto event = EventAt(0);
  event.set_graph_def(message.SerializeAsString());
  Record(event.SerializeAsString());
}

}  // namespace adjoint::nn
