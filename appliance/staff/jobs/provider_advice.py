"""What a provider's own reason means, in plain words, and what to do, in English and Russian.

Part of the catalogue of ``advice.py``, which the API and the pages ask.
"""

from __future__ import annotations

Texts = tuple[str, str, str, str]  # what and do in English, what and do in Russian

TOO_LATE: Texts = (
    "The picture was not ready in time.",
    "Send the photo again. If it happens often, choose a faster model, add a fallback or raise the deadline.",
    "Снимок не был готов вовремя.",
    "Отправьте фото ещё раз. Если часто, выберите быструю модель, запасной вариант или больший срок.",
)
BAD_KEY: Texts = (
    "The provider does not accept the API key.",
    "Enter a valid key in the settings and test it there.",
    "Провайдер не принимает ключ API.",
    "Введите действующий ключ в настройках и проверьте его там.",
)
QUOTA: Texts = (
    "The provider's quota is used up, or too much is asked of it at once.",
    "Wait, add another key or money to the account, or switch the slot to another provider.",
    "Квота провайдера исчерпана, или к нему слишком много запросов сразу.",
    "Подождите, добавьте ключ или пополните счёт либо переключите слот на другого провайдера.",
)
SPENT: Texts = (
    "The money or the quota of the provider's account is used up.",
    "Add money at the provider, enter another key, or switch the slot to another provider.",
    "На счёте у провайдера кончились деньги или исчерпана квота.",
    "Пополните счёт у провайдера, добавьте другой ключ или переключите слот на другого провайдера.",
)
NO_MODEL: Texts = (
    "The provider has no such model: it has ended, or this account may not use it.",
    "Choose another model in the slot.",
    "У провайдера нет такой модели: она отключена или недоступна этой учётной записи.",
    "Выберите в слоте другую модель.",
)
NOT_SERVED: Texts = (
    "The provider refused the account or its project, not the key.",
    "Look at the account at the provider, or switch the slot to another provider.",
    "Провайдер отказал учётной записи или проекту; дело не в ключе.",
    "Проверьте учётную запись у провайдера или переключите слот на другого провайдера.",
)
UNREACHABLE: Texts = (
    "The provider could not be reached, or its server failed.",
    "Check the internet connection. If it is fine, wait or switch the slot to another provider.",
    "Провайдер недоступен, или на его сервере сбой.",
    "Проверьте интернет. Если он в порядке, подождите или переключите слот на другого провайдера.",
)
# What a provider itself gave as its reason says more than the code that the booth got.
PROVIDER_TEXTS: dict[str, Texts] = {
    "no_key": (
        "No API key is set for this provider.",
        "Enter one in the settings.",
        "Для этого провайдера не задан ключ API.",
        "Введите его в настройках.",
    ),
    "unreadable_key": (
        "This provider's API key cannot be read any more: it was encrypted on another machine.",
        "Enter it again in the settings.",
        "Ключ API этого провайдера больше не прочитать: он зашифрован на другой машине.",
        "Введите его в настройках ещё раз.",
    ),
    "malformed_key": BAD_KEY,
    "API_KEY_INVALID": BAD_KEY,
    "invalid_api_key": BAD_KEY,
    "http_401": BAD_KEY,
    "unauthorized": BAD_KEY,
    "not_authenticated": BAD_KEY,
    "keys_rest": (
        "Every API key of this provider was refused or is out of quota.",
        "Add another key, or switch the slot to another provider.",
        "Все ключи этого провайдера отклонены или исчерпали квоту.",
        "Добавьте ключ или переключите слот на другого провайдера.",
    ),
    "RESOURCE_EXHAUSTED": QUOTA,
    "insufficient_quota": SPENT,
    "rate_limit_exceeded": QUOTA,
    "LIMIT": QUOTA,
    "http_429": QUOTA,
    "circuit_open": (
        "Several photos in a row failed at the provider; for half a minute the fallback is asked first.",
        "Wait, or switch the slot to another provider.",
        "Провайдер не сделал несколько снимков подряд; полминуты сначала работает запасной вариант слота.",
        "Подождите или переключите слот на другого провайдера.",
    ),
    "stalled": UNREACHABLE,
    "dns_failed": UNREACHABLE,
    "too_slow": TOO_LATE,
    "request_too_large": (
        "Photo and templates together are too large for the provider.",
        "Let the slot send smaller photos, or use smaller templates.",
        "Фото вместе с шаблонами слишком велики для провайдера.",
        "Уменьшите размер отправляемого фото или шаблонов.",
    ),
    "no_publisher": (
        "The provider fetches photos by address, and no address that it can reach is set.",
        "Set 'provider_media_base_url' in the settings, or the provider's transport to 'upload'.",
        "Провайдер забирает фото по адресу, но доступный ему адрес не задан.",
        "Задайте в настройках 'provider_media_base_url' или передачу 'upload'.",
    ),
    "billing_hard_limit_reached": SPENT,
    "http_402": SPENT,
    "no_credits": SPENT,
    "exhausted_balance": SPENT,
    "missing_scope": (
        "The API key is restricted and may not make pictures.",
        "Allow it to at the provider, or enter another key.",
        "Ключ API ограничен: создавать картинки ему не разрешено.",
        "Разрешите это у провайдера или введите другой ключ.",
    ),
    "PUP_LIMITED_DISABLED": (
        "Google has limited this account because its rules were violated.",
        "Read what Google wrote to the account's owner, and use a key of another account until then.",
        "Google ограничил эту учётную запись за нарушение правил.",
        "Прочтите письмо Google владельцу, а пока используйте ключ другой учётной записи.",
    ),
    "model_not_found": NO_MODEL,
    "model_ended": (
        "The provider has ended this model.",
        "Use its successor in all slots, or choose another model in the slot.",
        "Провайдер отключил эту модель.",
        "Перейдите на новую модель во всех слотах или выберите в слоте другую.",
    ),
    "model_ending": (
        "The provider will soon end this model.",
        "Use its successor in all slots before that, or choose another model in the slot.",
        "Провайдер скоро отключит эту модель.",
        "Заранее перейдите на новую модель во всех слотах или выберите в слоте другую.",
    ),
    "model_unknown": (
        "The provider knows no such model, or does not give it to this account.",
        "Use another model in all slots, or choose one in the slot.",
        "Провайдер не знает такой модели или не даёт её этой учётной записи.",
        "Перейдите на другую модель во всех слотах или выберите её в слоте.",
    ),
    "app_not_found": NO_MODEL,
    "location_unsupported": (
        "The provider does not serve the country from which the appliance connects. The key is not at fault.",
        "Connect through a proxy (HTTPS_PROXY), or set another base address of the provider in the settings.",
        "Провайдер не обслуживает страну, из которой подключается устройство. Дело не в ключе.",
        "Подключитесь через прокси (HTTPS_PROXY) или задайте в настройках другой адрес провайдера.",
    ),
    "service_disabled": (
        "The provider's service is switched off in the project that the key belongs to.",
        "Switch it on in the provider's console, wait a few minutes and test the key again.",
        "Сервис провайдера выключен в проекте, к которому относится ключ.",
        "Включите его в консоли провайдера, подождите несколько минут и проверьте ключ ещё раз.",
    ),
    "billing_disabled": (
        "Billing is switched off in the project that the key belongs to.",
        "Switch billing on in the provider's console, or use a key of a project that has it.",
        "В проекте, к которому относится ключ, не включена оплата.",
        "Включите оплату в консоли провайдера или возьмите ключ проекта, где она включена.",
    ),
    "account_suspended": (
        "The provider has suspended the account or project that the key belongs to.",
        "Ask the provider why, and use a key of another account until then.",
        "Провайдер заблокировал учётную запись или проект, к которому относится ключ.",
        "Узнайте причину у провайдера, а пока используйте ключ другой учётной записи.",
    ),
    "organization_unverified": (
        "OpenAI gives this model only to verified organisations.",
        "Verify the organisation at platform.openai.com (Settings, General), or choose another model.",
        "OpenAI даёт эту модель только подтверждённым организациям.",
        "Подтвердите организацию на platform.openai.com (Settings, General) или выберите другую модель.",
    ),
    "model_restricted": (
        "The provider does not let this account use the model.",
        "Ask the provider for it, or choose another model in the slot.",
        "Провайдер не даёт этой учётной записи пользоваться моделью.",
        "Запросите доступ у провайдера или выберите в слоте другую модель.",
    ),
    "upload_not_accepted": (
        "Turbotext did not take the uploaded photo: this account may need addresses instead.",
        "Set 'provider_media_base_url' and the transport 'url', or ask Turbotext to allow uploads.",
        "Турботекст не принял загруженное фото: этой учётной записи могут быть нужны адреса.",
        "Задайте в настройках 'provider_media_base_url' и передачу 'url' или попросите включить загрузку.",
    ),
    "PERMISSION_DENIED": NOT_SERVED,
    "http_403": NOT_SERVED,
    "forbidden": NOT_SERVED,
}

AT_THE_KEYS = frozenset(
    {"no_key", "unreadable_key", "keys_rest"}
    | {reason for reason, texts in PROVIDER_TEXTS.items() if texts in (BAD_KEY, QUOTA, SPENT)}
)
