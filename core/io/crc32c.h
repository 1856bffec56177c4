#ifndef ADJOINT_CORE_IO_CRC32C_H_
#define ADJOINT_CORE_IO_CRC32C_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace adjoint::io {

// The cyclic redundancy check of the Castagnoli polynomial 0x1EDC6F41, as iSCSI defines it (RFC
// 3720, section 12.1): reflected, begun and ended with all ones.
uint32_t Crc32c(absl::string_view bytes);

}  // namespace adjoint::io

#endif  // ADJOINT_CORE_IO_CRC32C_H_
