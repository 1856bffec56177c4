#include "core/buffer.h"

#include <cstdlib>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace adjoint {
namespace {

// A huge page of x86-64, and the size from which on a buffer is made of such: at most a third of it
// goes unused. The processor then finds an address at once where it would have to look up one of
// thousands of small pages: rows read at random, columns of a large matrix, and plain loops all
// gain.
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kHuge = 2 * kHugePage;

}  // namespace

absl::StatusOr<std::shared_ptr<Buffer>> Buffer::Allocate(size_t bytes) {
  // aligned_alloc wants a multiple of the alignment; one unit at least, so that data() is never
  // null and kernels may form pointers to empty arrays.
  const size_t alignment = bytes >= kHuge ? kHugePage : kAlignment;
  const size_t padded = bytes / alignment * alignment + alignment;
  void* data = padded > bytes ? std::aligned_alloc(alignment, padded) : nullptr;
#if defined(__linux__)
  // Advice: where the system has no huge pages, small ones do.
  if (data != nullptr && bytes >= kHuge) madvise(data, padded, MADV_HUGEPAGE);
#endif
  if (data == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("out of memory: could not allocate ", bytes, " bytes"));
  }
  return std::shared_ptr<Buffer>(new Buffer(data, bytes));
}

Buffer::~Buffer() { std::free(data_); }

}  // namespace adjoint
