# Warnings, sanitizers and the linker for our own targets. Libraries are system includes and stay silent.
add_library(callboard_flags INTERFACE)
target_include_directories(callboard_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(callboard_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # ccache may only reuse a precompiled header when the compiler keeps preprocessed line markers.
  target_compile_options(callboard_flags INTERFACE -fpch-preprocess)
endif()
find_program(CALLBOARD_MOLD mold)
if(CALLBOARD_MOLD)
  target_link_options(callboard_flags INTERFACE -fuse-ld=mold)
endif()
if(CALLBOARD_SANITIZE)
  # CAF's spawn binds a null reference to an empty tuple, hence no -fsanitize=null.
  set(sanitize -fsanitize=address,undefined -fno-sanitize=null,vptr -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  # GCC 12 takes the checks that it puts into std::regex for reads of unset members.
  target_compile_options(callboard_flags INTERFACE ${sanitize} -Wno-maybe-uninitialized)
  target_link_options(callboard_flags INTERFACE ${sanitize})
endif()
if(CALLBOARD_FUZZ)
  target_compile_options(callboard_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined
    -fno-sanitize=null,vptr -fno-sanitize-recover=all -Wno-error)
  target_link_options(callboard_flags INTERFACE -fsanitize=address,undefined)
endif()
