# What every source of ours is compiled with.  BoringSSL is built on its own and does not see these.
add_library(sp_warnings INTERFACE)
target_compile_options(sp_warnings INTERFACE
  -Wall -Wextra -Werror -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wswitch-enum
  -Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla -Wformat=2 -fno-common -fno-strict-aliasing)

add_compile_options(-fstack-protector-strong -fno-omit-frame-pointer)
if(SALLYPORT_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
elseif(SALLYPORT_TSAN)
  add_compile_options(-fsanitize=thread)
  add_link_options(-fsanitize=thread)
elseif(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  add_compile_definitions(_FORTIFY_SOURCE=2)
  add_link_options(-Wl,-z,relro,-z,now)
endif()
if(SALLYPORT_COVERAGE)
  # Counts are written at the end of a process, which the sandbox would not allow.
  add_compile_definitions(SALLYPORT_COVERAGE)
  add_compile_options(--coverage -fprofile-update=atomic)
  add_link_options(--coverage)
endif()
if(SALLYPORT_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
