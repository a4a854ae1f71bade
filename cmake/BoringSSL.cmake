# BoringSSL: defines boringssl::ssl and boringssl::crypto, from the first of these that there is:
#
#   -DBORINGSSL_ROOT=DIR        built already: DIR/include, DIR/lib/libssl.a, DIR/lib/libcrypto.a
#   -DBORINGSSL_SOURCE_DIR=DIR  a source tree, built here
#   git                         upstream at a pinned commit, built here
#   npm                         a package that carries BoringSSL's source unchanged, checked by digest, built here
#   debian                      android-libboringssl-dev: shared, old and slow, with a warning
#
# -DBORINGSSL_FROM=git|npm|debian asks for one of the last three alone.  What is built here is built once, with flags of
# its own, into -DBORINGSSL_CACHE=DIR, which all build folders of a source tree share.

set(BORINGSSL_ROOT "" CACHE PATH "BoringSSL, built already")
set(BORINGSSL_SOURCE_DIR "" CACHE PATH "BoringSSL's source")
set(BORINGSSL_FROM auto CACHE STRING "where else BoringSSL comes from: auto, git, npm or debian")
set(BORINGSSL_CACHE ${CMAKE_SOURCE_DIR}/build/boringssl CACHE PATH "where BoringSSL is built")

set(BORINGSSL_GIT_URL https://boringssl.googlesource.com/boringssl)
set(BORINGSSL_GIT_COMMIT a0689af29e8e460f1e5380e0fb74cef1b342e810) # 2026-08-21
set(BORINGSSL_NPM_PACKAGE couchbase@4.7.1) # commit 2ff4b968a7e0cfee66d9f151cb95635b43dc1d5b, 2023-08-21
set(BORINGSSL_NPM_FOLDER package/deps/couchbase-cxx-cache/boringssl/e31e/boringssl)
string(CONCAT BORINGSSL_NPM_SHA512
  295af2231b01639e6b7349351b671a9a7897557ff9e51894d53c1658dee3d9ee
  7a5f8daf9bbbd0ca791d3afea3908b662297a465cdc18d9721c341df7d7d2b3c)

# Where BoringSSL is a shared library; empty: nowhere.  A test asks.
set(BORINGSSL_SHARED "")

function(boringssl_targets kind include crypto ssl)
  add_library(boringssl::crypto ${kind} IMPORTED GLOBAL)
  set_target_properties(boringssl::crypto PROPERTIES IMPORTED_LOCATION ${crypto}
    INTERFACE_INCLUDE_DIRECTORIES ${include} INTERFACE_LINK_LIBRARIES "pthread;stdc++")
  add_library(boringssl::ssl ${kind} IMPORTED GLOBAL)
  set_target_properties(boringssl::ssl PROPERTIES IMPORTED_LOCATION ${ssl}
    INTERFACE_INCLUDE_DIRECTORIES ${include} INTERFACE_LINK_LIBRARIES boringssl::crypto)
endfunction()

function(boringssl_use_root root)
  foreach(file include/openssl/ssl.h lib/libssl.a lib/libcrypto.a)
    if(NOT EXISTS ${root}/${file})
      message(FATAL_ERROR "BoringSSL: there is no ${root}/${file}")
    endif()
  endforeach()
  boringssl_targets(STATIC ${root}/include ${root}/lib/libcrypto.a ${root}/lib/libssl.a)
endfunction()

# Runs a step of the build; its output is shown only if it fails.
function(boringssl_step what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "BoringSSL: ${what} failed (${result}):\n${output}")
  endif()
endfunction()

# Builds source, a tree of upstream or one with generated build files, and puts headers and libraries into root.
function(boringssl_build source root)
  set(headers ${source}/include)
  if(NOT EXISTS ${headers}/openssl/ssl.h)
    set(headers ${source}/src/include)
  endif()
  if(NOT EXISTS ${headers}/openssl/ssl.h)
    message(FATAL_ERROR "BoringSSL: ${source} is no source tree of it")
  endif()
  set(flags "-w -fPIC")
  if(SALLYPORT_TSAN) # it would not see the synchronisation inside
    string(APPEND flags " -fsanitize=thread")
  endif()
  message(STATUS "BoringSSL: building ${source} (a minute or two)")
  set(work ${root}.work)
  file(REMOVE_RECURSE ${work}/build ${work}/root ${root})
  boringssl_step("its configuration" ${CMAKE_COMMAND} -S ${source} -B ${work}/build -G ${CMAKE_GENERATOR}
    -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF -DBUILD_SHARED_LIBS=OFF
    -DCMAKE_MAKE_PROGRAM=${CMAKE_MAKE_PROGRAM}
    -DCMAKE_C_COMPILER=${CMAKE_C_COMPILER} -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}
    "-DCMAKE_C_FLAGS=${flags}" "-DCMAKE_CXX_FLAGS=${flags}"
    "-DCMAKE_C_FLAGS_RELEASE=-O2 -DNDEBUG" "-DCMAKE_CXX_FLAGS_RELEASE=-O2 -DNDEBUG")
  cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)
  boringssl_step("its build" ${CMAKE_COMMAND} --build ${work}/build --target crypto ssl --parallel ${cores})
  file(COPY ${headers} DESTINATION ${work}/root)
  foreach(library crypto ssl)
    file(GLOB_RECURSE built ${work}/build/lib${library}.a)
    file(COPY ${built} DESTINATION ${work}/root/lib)
  endforeach()
  file(RENAME ${work}/root ${root}) # last, so that what stands there is whole
  file(REMOVE_RECURSE ${work})
endfunction()

# The folder for what is built from `version`.
function(boringssl_root version result)
  string(TOLOWER "${version}-${CMAKE_SYSTEM_PROCESSOR}-${CMAKE_C_COMPILER_ID}-${CMAKE_C_COMPILER_VERSION}" name)
  if(SALLYPORT_TSAN)
    string(APPEND name -tsan)
  endif()
  set(${result} ${BORINGSSL_CACHE}/${name} PARENT_SCOPE)
endfunction()

# Upstream's tree; found is false where upstream is out of reach.
function(boringssl_fetch_git folder found)
  set(${found} FALSE PARENT_SCOPE)
  find_program(GIT git)
  if(NOT GIT)
    return()
  endif()
  set(git ${CMAKE_COMMAND} -E env GIT_TERMINAL_PROMPT=0 ${GIT} -c http.lowSpeedLimit=1000 -c http.lowSpeedTime=20)
  execute_process(COMMAND ${git} ls-remote ${BORINGSSL_GIT_URL} HEAD TIMEOUT 15 RESULT_VARIABLE result
    OUTPUT_QUIET ERROR_QUIET)
  if(NOT result EQUAL 0)
    message(STATUS "BoringSSL: ${BORINGSSL_GIT_URL} is out of reach")
    return()
  endif()
  message(STATUS "BoringSSL: fetching ${BORINGSSL_GIT_COMMIT}")
  boringssl_step("git" ${GIT} init -q ${folder})
  execute_process(COMMAND ${git} -C ${folder} fetch -q --depth 1 ${BORINGSSL_GIT_URL} ${BORINGSSL_GIT_COMMIT}
    TIMEOUT 900 RESULT_VARIABLE result OUTPUT_QUIET ERROR_VARIABLE error)
  if(NOT result EQUAL 0)
    message(STATUS "BoringSSL: could not be fetched: ${error}")
    return()
  endif()
  boringssl_step("git" ${GIT} -C ${folder} checkout -q --detach ${BORINGSSL_GIT_COMMIT})
  set(${found} TRUE PARENT_SCOPE)
endfunction()

# The package's tree; found is false where it cannot be had.  What comes with another digest stops the build.
function(boringssl_fetch_npm folder found)
  set(${found} FALSE PARENT_SCOPE)
  find_program(NPM npm)
  if(NOT NPM)
    message(STATUS "BoringSSL: there is no npm")
    return()
  endif()
  message(STATUS "BoringSSL: fetching ${BORINGSSL_NPM_PACKAGE}")
  file(MAKE_DIRECTORY ${folder})
  execute_process(COMMAND ${NPM} pack --ignore-scripts ${BORINGSSL_NPM_PACKAGE} WORKING_DIRECTORY ${folder}
    TIMEOUT 600 RESULT_VARIABLE result OUTPUT_QUIET ERROR_VARIABLE error)
  file(GLOB archive ${folder}/*.tgz)
  if(NOT result EQUAL 0 OR NOT archive)
    message(STATUS "BoringSSL: ${BORINGSSL_NPM_PACKAGE} could not be fetched: ${error}")
    return()
  endif()
  file(SHA512 ${archive} digest)
  if(NOT digest STREQUAL BORINGSSL_NPM_SHA512)
    file(REMOVE ${archive})
    message(FATAL_ERROR "BoringSSL: what came as ${BORINGSSL_NPM_PACKAGE} is not what was pinned, and was not used\n"
      "  sha512 expected ${BORINGSSL_NPM_SHA512}\n  sha512 found    ${digest}")
  endif()
  file(ARCHIVE_EXTRACT INPUT ${archive} DESTINATION ${folder} PATTERNS ${BORINGSSL_NPM_FOLDER})
  set(${found} TRUE PARENT_SCOPE)
endfunction()

# Fetches and builds one kind.  ready: whether root can be used now.
function(boringssl_provide kind folder root ready)
  file(REMOVE_RECURSE ${root}.work)
  cmake_language(CALL boringssl_fetch_${kind} ${root}.work/source found)
  if(found)
    boringssl_build(${root}.work/source/${folder} ${root})
  endif()
  file(REMOVE_RECURSE ${root}.work)
  set(${ready} ${found} PARENT_SCOPE)
endfunction()

# Debian's libraries; BORINGSSL_SHARED is set if they are there.
macro(boringssl_use_debian)
  find_path(BORINGSSL_DEBIAN_INCLUDE openssl/is_boringssl.h PATHS /usr/include/android NO_DEFAULT_PATH)
  find_library(BORINGSSL_DEBIAN_SSL ssl PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/android NO_DEFAULT_PATH)
  find_library(BORINGSSL_DEBIAN_CRYPTO crypto PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/android NO_DEFAULT_PATH)
  if(BORINGSSL_DEBIAN_INCLUDE AND BORINGSSL_DEBIAN_SSL AND BORINGSSL_DEBIAN_CRYPTO)
    message(WARNING "BoringSSL: using Debian's android-libboringssl, which is from 2022, gets no security updates of its "
      "own and computes P-256 four times slower")
    boringssl_targets(SHARED ${BORINGSSL_DEBIAN_INCLUDE} ${BORINGSSL_DEBIAN_CRYPTO} ${BORINGSSL_DEBIAN_SSL})
    get_filename_component(BORINGSSL_SHARED ${BORINGSSL_DEBIAN_SSL} DIRECTORY)
    list(APPEND CMAKE_INSTALL_RPATH ${BORINGSSL_SHARED})
  endif()
endmacro()

# BORINGSSL_SOURCE_DIR's libraries.
function(boringssl_find_local result)
  string(SHA256 version ${BORINGSSL_SOURCE_DIR})
  string(SUBSTRING ${version} 0 12 version)
  boringssl_root(local-${version} root)
  if(NOT EXISTS ${root})
    boringssl_build(${BORINGSSL_SOURCE_DIR} ${root})
  endif()
  set(${result} ${root} PARENT_SCOPE)
endfunction()

# Those of git or npm: what was built before, else what can be had.
function(boringssl_find_pinned result)
  string(SUBSTRING ${BORINGSSL_GIT_COMMIT} 0 12 version)
  boringssl_root(${version} root_git)
  string(MAKE_C_IDENTIFIER ${BORINGSSL_NPM_PACKAGE} version)
  boringssl_root(${version} root_npm)
  set(kinds ${BORINGSSL_FROM})
  if(BORINGSSL_FROM STREQUAL auto)
    set(kinds git npm)
  endif()
  foreach(kind ${kinds})
    if(EXISTS ${root_${kind}})
      set(${result} ${root_${kind}} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  set(folder_npm ${BORINGSSL_NPM_FOLDER})
  foreach(kind ${kinds})
    boringssl_provide(${kind} "${folder_${kind}}" ${root_${kind}} ready)
    if(ready)
      set(${result} ${root_${kind}} PARENT_SCOPE)
      return()
    endif()
  endforeach()
endfunction()

# Under a lock, since several build folders may be configured at once.
function(boringssl_find result)
  file(MAKE_DIRECTORY ${BORINGSSL_CACHE})
  file(LOCK ${BORINGSSL_CACHE} DIRECTORY GUARD FUNCTION TIMEOUT 3600)
  set(root "")
  if(BORINGSSL_SOURCE_DIR)
    boringssl_find_local(root)
  else()
    boringssl_find_pinned(root)
  endif()
  set(${result} ${root} PARENT_SCOPE)
endfunction()

set(BORINGSSL_ROOT_FOUND ${BORINGSSL_ROOT})
if(NOT BORINGSSL_FROM MATCHES "^(auto|git|npm|debian)$")
  message(FATAL_ERROR "BoringSSL: BORINGSSL_FROM is ${BORINGSSL_FROM}, not auto, git, npm or debian")
endif()
if(NOT BORINGSSL_ROOT_FOUND AND (BORINGSSL_SOURCE_DIR OR NOT BORINGSSL_FROM STREQUAL debian))
  boringssl_find(BORINGSSL_ROOT_FOUND)
endif()
if(BORINGSSL_ROOT_FOUND)
  message(STATUS "BoringSSL: ${BORINGSSL_ROOT_FOUND}")
  boringssl_use_root(${BORINGSSL_ROOT_FOUND})
elseif(BORINGSSL_FROM MATCHES "^(auto|debian)$")
  boringssl_use_debian()
endif()
if(NOT TARGET boringssl::ssl)
  message(FATAL_ERROR "BoringSSL: none could be had.  Give -DBORINGSSL_ROOT or -DBORINGSSL_SOURCE_DIR, or see to it that git "
    "reaches ${BORINGSSL_GIT_URL}, that npm works, or that android-libboringssl-dev is installed")
endif()
