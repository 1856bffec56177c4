// Options that a program built with a sanitizer starts with. Empty otherwise.

#if defined(__SANITIZE_THREAD__)

// OpenMP's runtime and oneDNN are not built with the thread sanitizer, which therefore does not see
// their barriers and takes what happens on either side of one for a race.
extern "C" const char* __tsan_default_suppressions() {
  return "race:libdnnl.so\n"
         "race:libgomp.so\n";
}

// As below for the address sanitizer.
extern "C" const char* __tsan_default_options() { return "allocator_may_return_null=1"; }

#endif

#if defined(__SANITIZE_ADDRESS__)

// Memory that is not to be had is an error of ours, with a text that tests read.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }

#endif
