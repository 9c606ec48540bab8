#!/usr/bin/env bash
# Installs the programs that Headrace's results and times are compared with. Nothing of the product depends on them.
set -euo pipefail
cd "$(dirname "$0")/../testing/peers"

root=()
[ "$(id -u)" = 0 ] || root=(sudo)
if ! /usr/bin/python3 -c 'import sklearn, pandas, xgboost' 2>/dev/null; then
	"${root[@]}" apt-get update -qq
	"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		python3-sklearn python3-pandas python3-xgboost
fi
npm install --silent --no-audit --no-fund --no-package-lock
# npm leaves out a binary that it cannot fetch or thinks does not fit, and says nothing.
if ! node -e 'require("nodejs-polars")' 2>/dev/null; then
	version=$(node -p 'require("nodejs-polars/package.json").version')
	npm install --silent --no-audit --no-fund --no-package-lock --no-save "nodejs-polars-linux-$(node -p process.arch)-gnu@$version"
fi
/usr/bin/python3 -c 'import sklearn, pandas, xgboost
print("scikit-learn", sklearn.__version__, "pandas", pandas.__version__, "xgboost", xgboost.__version__)'
node -e 'for (const p of Object.keys(require("./package.json").dependencies)) console.log(p, require("./node_modules/" + p + "/package.json").version)'
