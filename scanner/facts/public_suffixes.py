"""Names under which strangers can have a host: registries' suffixes and the shared domains of hosting platforms.

A short list on purpose: what is not on it is taken for a domain with one owner.
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_REGISTRIES = _words(
    "com org net edu gov int info biz name pro io co me dev app ai xyz online site store tech shop cloud "
    "blog uk co.uk org.uk ac.uk gov.uk de fr nl be lu ch at it es pt pl cz sk hu ro bg gr se no fi dk ee "
    "lv lt is ie eu ru com.ru ua com.ua by kz tr com.tr il co.il us ca mx com.mx br com.br ar com.ar cl "
    "pe com.co au com.au net.au org.au nz co.nz jp co.jp ne.jp or.jp cn com.cn hk com.hk tw com.tw kr "
    "co.kr sg com.sg my com.my th co.th in co.in pk com.pk bd com.bd id co.id ph com.ph vn com.vn ae sa "
    "com.sa eg com.eg ng com.ng ke co.ke za co.za"
)
_PLATFORMS = _words(
    "herokuapp.com vercel.app netlify.app onrender.com fly.dev railway.app up.railway.app "
    "pythonanywhere.com azurewebsites.net appspot.com run.app web.app firebaseapp.com "
    "elasticbeanstalk.com amazonaws.com cloudfront.net ondigitalocean.app github.io gitlab.io pages.dev "
    "workers.dev ngrok.io ngrok-free.app ngrok.app trycloudflare.com loca.lt serveo.net koyeb.app "
    "deta.dev glitch.me repl.co replit.app replit.dev gitpod.io github.dev app.github.dev "
    "azurecontainerapps.io cleverapps.io platformsh.site scalingo.io zeabur.app northflank.app cyclic.app "
    "surge.sh duckdns.org sslip.io nip.io"
)


def is_shared_suffix(name: str) -> bool:
    """Whether anybody can have a host right below that name (``com``, ``herokuapp.com``)."""
    return name.lower().strip(".") in _REGISTRIES | _PLATFORMS


def registrable_domain(host: str) -> str:
    """The part of a host name that one owner has: ``shop.example.co.uk`` -> ``example.co.uk``.

    The name itself where it is a single label, an address, or a shared suffix.
    """
    labels = host.lower().strip(".").split(".")
    if len(labels) < 2 or labels[-1].isdecimal():
        return ".".join(labels)
    for start in range(len(labels)):
        if is_shared_suffix(".".join(labels[start:])):
            return ".".join(labels[max(0, start - 1) :])
    return ".".join(labels[-2:])
