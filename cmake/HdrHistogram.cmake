# HdrHistogram_c, for the load generator alone: defines hdr_histogram::hdr_histogram, from the first of these that there is:
#
#   -DHDR_HISTOGRAM_SOURCE_DIR=DIR  a source tree
#   npm                             the package that BoringSSL.cmake names, which carries it as well, checked by digest
#   git                             upstream at a pinned commit, of the same release
#
# What is fetched lies in BORINGSSL_CACHE, which all build folders share.  Where none can be had there is no such target.

set(HDR_HISTOGRAM_SOURCE_DIR "" CACHE PATH "HdrHistogram_c's source")

set(HDR_HISTOGRAM_NPM_FOLDER package/deps/couchbase-cxx-cache/hdr_histogram/8aac/hdr_histogram)
set(HDR_HISTOGRAM_GIT_URL https://github.com/HdrHistogram/HdrHistogram_c)
set(HDR_HISTOGRAM_GIT_COMMIT 8dcce8f68512fca460b171bccc3a5afce0048779) # 0.11.8

function(hdr_histogram_fetch_npm folder)
  set(BORINGSSL_NPM_FOLDER ${HDR_HISTOGRAM_NPM_FOLDER}) # what is unpacked of the package
  boringssl_fetch_npm(${folder}.work found)
  if(found)
    file(RENAME ${folder}.work/${HDR_HISTOGRAM_NPM_FOLDER} ${folder})
  endif()
  file(REMOVE_RECURSE ${folder}.work)
endfunction()

function(hdr_histogram_fetch_git folder)
  find_program(GIT git)
  if(NOT GIT)
    return()
  endif()
  message(STATUS "HdrHistogram: fetching ${HDR_HISTOGRAM_GIT_COMMIT}")
  execute_process(COMMAND ${GIT} init -q ${folder}.work OUTPUT_QUIET ERROR_QUIET)
  foreach(step "fetch;-q;--depth;1;${HDR_HISTOGRAM_GIT_URL};${HDR_HISTOGRAM_GIT_COMMIT}"
      "checkout;-q;--detach;${HDR_HISTOGRAM_GIT_COMMIT}")
    execute_process(COMMAND ${CMAKE_COMMAND} -E env GIT_TERMINAL_PROMPT=0 ${GIT} -C ${folder}.work
      -c http.lowSpeedLimit=1000 -c http.lowSpeedTime=20 ${step}
      TIMEOUT 300 RESULT_VARIABLE result OUTPUT_QUIET ERROR_VARIABLE error)
    if(NOT result EQUAL 0)
      message(STATUS "HdrHistogram: ${HDR_HISTOGRAM_GIT_URL} is out of reach")
      file(REMOVE_RECURSE ${folder}.work)
      return()
    endif()
  endforeach()
  file(RENAME ${folder}.work ${folder})
endfunction()

# Under a lock, since several build folders may be configured at once.
function(hdr_histogram_fetch result)
  set(folder ${BORINGSSL_CACHE}/hdr_histogram)
  file(MAKE_DIRECTORY ${BORINGSSL_CACHE})
  file(LOCK ${BORINGSSL_CACHE} DIRECTORY GUARD FUNCTION TIMEOUT 3600)
  foreach(kind npm git)
    if(NOT EXISTS ${folder})
      file(REMOVE_RECURSE ${folder}.work)
      cmake_language(CALL hdr_histogram_fetch_${kind} ${folder})
    endif()
  endforeach()
  set(${result} ${folder} PARENT_SCOPE)
endfunction()

set(HDR_HISTOGRAM_FOUND ${HDR_HISTOGRAM_SOURCE_DIR})
if(NOT HDR_HISTOGRAM_FOUND)
  hdr_histogram_fetch(HDR_HISTOGRAM_FOUND)
endif()
if(EXISTS ${HDR_HISTOGRAM_FOUND}/src/hdr_histogram.c)
  # its log format, which needs zlib, stays out
  add_library(sp_hdr_histogram STATIC ${HDR_HISTOGRAM_FOUND}/src/hdr_histogram.c)
  target_include_directories(sp_hdr_histogram SYSTEM PUBLIC ${HDR_HISTOGRAM_FOUND}/include)
  target_compile_options(sp_hdr_histogram PRIVATE -w)
  target_link_libraries(sp_hdr_histogram PUBLIC m)
  add_library(hdr_histogram::hdr_histogram ALIAS sp_hdr_histogram)
endif()
