#ifndef ADJOINT_CORE_BUFFER_H_
#define ADJOINT_CORE_BUFFER_H_

#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"

namespace adjoint {

// A block of memory aligned to 64 bytes, the unit that tensors share. Immutable in place and size;
// its bytes may be written by whoever holds it alone.
class Buffer {
 public:
  static constexpr size_t kAlignment = 64;

  // Uninitialised memory; ResourceExhausted when there is not enough.
  static absl::StatusOr<std::shared_ptr<Buffer>> Allocate(size_t bytes);

  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  void* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  Buffer(void* data, size_t size) : data_(data), size_(size) {}

  void* const data_;
  const size_t size_;
};

}  // namespace adjoint

#endif  // ADJOINT_CORE_BUFFER_H_
