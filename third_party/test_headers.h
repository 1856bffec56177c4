// common_headers.h and GoogleTest, for tests. Precompiled as that is.

#ifndef ADJOINT_THIRD_PARTY_TEST_HEADERS_H_
#define ADJOINT_THIRD_PARTY_TEST_HEADERS_H_

#include "gtest/gtest.h"
#include "third_party/common_headers.h"

#endif  // ADJOINT_THIRD_PARTY_TEST_HEADERS_H_
