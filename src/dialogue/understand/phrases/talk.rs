//! Phrases of the call itself: manners, yes and no, cancelling, questions.

use super::Cue;

pub(super) const PHRASES: &[(Cue, &str)] = &[
    (
        Cue::Yes,
        "да; да да; ага; угу; верно; все верно; правильно; все правильно; все так; все точно; точно; так точно; \
         подтверждаю (заказ|этот) (заказ); согласен; согласна; конечно (да); разумеется; безусловно; естественно; \
         обязательно; подходит; годится; устраивает; все устраивает; все подходит; именно так; так и есть; \
         да хочу; да можно; да нужно; да надо; да буду; да давайте; да хорошо; да конечно; да пожалуйста; да верно; \
         да правильно; да все верно; да подтверждаю; все в порядке; все хорошо; да оформляйте; хочу да; ага да; угу да; \
         оформляйте (заказ|его); оформляем; заказывайте; да заказывайте; да так; да беру; не возражаю; \
         yes; yes please; yes sure; yes i do; yes i would; yes it is; yes (that|thats|thats is) (is) right|correct; \
         yeah; yep; yup; [yes yes]; thats right|correct; [that is right]; [that is correct]; correct; all correct; \
         everything is correct|right; confirm; confirmed; i confirm (it|[the order]); of course; absolutely; definitely; \
         sounds good|great|right; looks good; go ahead; please do; do it; lets do it; place it; place the order; order it; \
         exactly; i agree; agreed; for sure; i do; it is; yes it does; certainly; [uh huh]; [mm hmm]; mhm",
    ),
    (
        Cue::Weak,
        "хорошо; отлично; прекрасно; замечательно; давайте; давай; ладно; нормально; пойдет; идет; можно; ок; окей; \
         ну давайте; да ладно; продолжайте; записывайте; делайте; \
         пусть будет так; пусть так; супер; класс; нравится; мне нравится; буду; \
         sure; ok; okay; fine; thats fine; alright; [all right]; good; very good; great; perfect; right; all good; \
         cool; works (for me); that works; not bad; \
         lets go; why not",
    ),
    (
        Cue::Doubt,
        "да ну; да ну вас; да щас; ага щас; ага конечно (разбежал*); да наверное; да наверно; вроде да; наверное да; и да и нет; \
         да нет наверное; может быть да; да вроде; ну да конечно щас; yeah right; yes and no; maybe; i guess so; not sure; im not sure; \
         не знаю; не уверен; не уверена; я не знаю; i dont know; no idea; dont know",
    ),
    (
        Cue::No,
        "нет; неа; не; нет нет; нет нет нет; да нет; конечно нет; нет конечно; не надо; не нужно; нет не надо; нет не нужно; \
         не хочу; не буду; не согласен; не согласна; не подтверждаю; не оформляйте; не подходит; не устраивает; \
         не то; это не то; не тот; не та; не так; не совсем; не сейчас; не верно; неверно; не правильно; неправильно; \
         не нравится; пока нет; ни в коем случае; ни за что; никак нет; нет пока; нет не хочу; нет не так; \
         no; nope; nah; no no; [no no no]; not really; no not really; i dont; no i dont; not yet; no way; \
         thats wrong; thats not right; that is wrong; thats not correct; its wrong; incorrect; no thats wrong; \
         of course not; certainly not; not now; i dont want to; i dont want that; no need; not necessary; i dont think so",
    ),
    (
        Cue::Enough,
        "это все; вот и все; на этом все; больше ничего (не) (надо|нужно|хочу); больше нет; больше не надо|нужно; ничего; \
         ничего больше; ничего не надо|нужно; нет ничего; это пока все; пока все; пока ничего; все пока; все больше ничего; \
         [достаточно]; этого достаточно; хватит; \
         thats all; that is all; thats it; that is it; nothing else; nothing more; that will be all; thatll be all; \
         thats everything; im done; thats enough; nothing",
    ),
    (
        Cue::Thanks,
        "(большое|огромное) спасибо (большое|огромное|вам); спасибо (вам|тебе) (большое|огромное); благодарю (вас); \
         спасибо за помощь|информацию; thank you (very|so) (much); thanks (a) (lot); many thanks; cheers; \
         thank you for your help; thanks for your help",
    ),
    (
        Cue::Greet,
        "здравствуйте; здравствуй; добрый день; добрый вечер; доброе утро; доброго дня|вечера; доброго времени суток; \
         привет; приветствую; алло; ало; але; алло здравствуйте; алло добрый день; \
         hello; hi; hey; hi there; hello there; good morning|afternoon|evening|day",
    ),
    (
        Cue::Goodbye,
        "до свидания|свиданья; всего доброго|хорошего|наилучшего; хорошего дня|вечера; доброй ночи; до встречи; до связи; \
         прощайте; пока пока; всех благ; \
         goodbye; good bye; bye; bye bye; have a nice|good|great day|evening|one; good night; see you (later|soon); \
         talk to you later; take care",
    ),
    (
        Cue::Repeat,
        "повтори*; повтори* (пожалуйста) еще раз|разок; не расслышал*; я не расслышал*; не понял (вас); не поняла (вас); \
         что что; (можно) еще раз (пожалуйста); еще разок; скажите еще раз; плохо слышно; вас (плохо) не слышно; \
         не слышу вас; вас не слышу; что вы сказали; как вы сказали; как как; чего; громче; говорите громче; \
         repeat (that|it|please); say that again; say it again; come again; one more time; once more; \
         again please; i didnt hear (you|that); i cant hear (you); didnt catch (that); didnt get that; \
         i dont understand; i didnt understand; pardon (me); what was that; what did you say; speak up; louder",
    ),
    (
        Cue::Slower,
        "помедленнее; медленнее; говорите (по|чуть) медленнее|помедленнее; не так быстро; чуть|по медленнее; \
         slower; slow down; (speak) more slowly; speak slower; not so fast; too fast",
    ),
    (
        Cue::Wait,
        "(одну) минуту|минутку|минуточку; (одну) секунду|секундочку|секундку; подожди*; погоди*; обождите; постойте; \
         стоп; сейчас|щас посмотрю|гляну|проверю|подумаю|найду; дайте подумать|посмотреть|минуту|минутку|секунду; \
         не вешайте трубку; (я) подумаю; \
         one moment (please); (just) a moment|second|sec|minute; one second|sec|minute; hold on (a) (second|moment|sec); \
         hang on (a) (second|moment|sec); wait (a) (second|moment|minute|sec); stop; let me check|think|see|look; \
         give me a moment|second|minute|sec",
    ),
    (
        Cue::Robot,
        "вы робот; ты робот; вы человек; это робот; это автоответчик; (это) живой человек; вы живой; вы настоящая; \
         с кем (я) (разговариваю|говорю); я с роботом (говорю|разговариваю); вы бот; это бот; \
         are you (a) robot|bot|human|real|machine|computer|person; are you a real person; is this a robot|bot|machine; \
         am i (talking|speaking) to|with a (real) robot|machine|person|human|bot; is this an ai; are you an ai",
    ),
    (
        Cue::Complain,
        "жалоб*; пожаловаться; безобразие; ужас; ужасно; возмутительно; отвратительн*; сколько можно; что за бред; \
         вы издеваетесь; надоело; вы меня не слышите; (я) (же|уже) (уже|же) сказал*|говорил*; бестолков*; \
         this is ridiculous|terrible|awful; i (already) told you; i said that already; complaint; complain; you are not listening; \
         useless; terrible; ridiculous; are you deaf",
    ),
    (
        Cue::Card,
        "номер карты; номер моей карты; карта номер; си ви ви; cvv; cvc; код с карты; код на карте; срок действия карты; \
         card number; number of my card; my card is; expiry date; expiration date; security code",
    ),
    (
        Cue::StartOver,
        "(давайте) (начнем|начнём) (все) сначала; сначала; заново; начнем заново; все заново; давайте (все) сначала|заново; \
         с самого начала; по новой; start over; start again; from the beginning; lets start again|over; start from scratch",
    ),
    (
        Cue::SameAsLast,
        "как в прошлый раз; как в (тот|последний|прошлый) раз; то же (самое) что (и) в прошлый раз; как обычно; как всегда; \
         то же что и прошлый раз; повторите (мой) (прошлый|последний|предыдущий) заказ; повторить (мой) (прошлый|последний|предыдущий) заказ; \
         такой же заказ; то же самое что и (в) прошлый; \
         same as last time; the same as last time; as last time; like last time; the usual; my usual; \
         repeat my|the last|previous order; same order as last time; same order again",
    ),
    (
        Cue::Cancel,
        "отмена; отмена заказа; отбой; все отбой; отмени* (пожалуйста) (весь|этот|мой|все|всё) (заказ|его|это|оформление|все|покупку); \
         отменя* (пожалуйста) (весь|этот|мой|все|всё) (заказ|его|это|оформление|все|покупку); все отменя*; все отмени*; заказ отмените; \
         хочу отменить (заказ|все|мой) (заказ); аннулир* (заказ|мой|все) (заказ); \
         не надо ничего оформлять; ничего не надо оформлять; ничего не оформляйте; не буду (ничего) заказывать|брать|покупать; \
         брать|заказывать|покупать (ничего) не буду; не хочу (ничего) заказывать|покупать; забудьте; забудьте про|о заказ*; \
         удалите заказ; снимите заказ; заказывать не надо; ничего не надо заказывать; не надо заказ; заказ не нужен; \
         cancel; cancel (it|that|this|everything|all|please) (please); cancel (the|my|this) (whole|entire|current) order|purchase; \
         i want to cancel (it|everything|[the order]|[my order]|[this order]); id like to cancel (it|[the order]|[my order]|[this order]); \
         please cancel (it|[the order]|[my order]); forget it; forget (about) [it|the order]; i dont want to order (anything); \
         i dont want it|them anymore; i dont want it|them any more; never mind (the) (order); \
         im not buying (it|anything); call it off; drop it; drop the (whole) order; scrap [it|that|the order]; delete the order",
    ),
    (
        Cue::ChangedMind,
        "(я) передумал; (я) передумала; мы передумали; changed my mind; i changed my mind; ive changed my mind",
    ),
    (
        Cue::CanCancel,
        "отменить (то|его|заказ|это) (потом|позже|завтра) можно (потом|позже) (будет|ли) (если) (что); \
         отменить (заказ|его) (потом|позже|завтра) (если) (что) (можно|получится|смогу); \
         можно (ли|будет|его|заказ) (потом|позже) (будет) (его|заказ) отменить (потом|заказ|его|позже) (если) (что); \
         (я) смогу (я|ли|потом|его) (потом|его) отменить (заказ|его) (потом); как отменить (заказ|потом); а если (я) передумаю; если (я) передумаю; \
         можно (ли) (будет) отказаться; потом отменить можно; потом можно (будет) отменить; если что отменить можно; \
         отказаться (потом) можно; а можно потом отменить; до какого (времени|момента) можно отменить; \
         can|could|may i (still) cancel (it|this|[the order]|[my order]|[an order]) (later|tomorrow|afterwards) (on) (if); \
         (is it) possible to cancel (it|[the order]|later); what if i change my mind; how do|can i cancel (it|[the order]) (later); \
         (can) it be cancelled|canceled (later); if i change my mind; cancellation policy; am i able to cancel (it|later); \
         will i be able to cancel (it|[the order]) (later)",
    ),
    (
        Cue::Keep,
        "не отменя* (заказ|его|ничего|пожалуйста); не надо (ничего|его|заказ) отменять (заказ|ничего|его); \
         отменять (ничего|его|заказ) не надо|нужно; не нужно (ничего|его|заказ) отменять (заказ|ничего|его); \
         ничего не отменя*; ничего отменять не надо|нужно; не хочу (ничего) отменять; без отмены; не отменить; \
         dont cancel (it|anything|[the order]|[my order]); do not cancel (it|anything|[the order]|[my order]); no need to cancel (it|anything); \
         i dont want to cancel (it|anything); not cancel (it|anything)",
    ),
    (
        Cue::Placed,
        "отмен*|измен*|поменя*|аннулир*|снимите|удалите (мой|мои|мне) (один|самый) [перв*|втор*|трет*|последн*|прошл*|предыдущ*|стар*|вчерашн*|тот|друг*] (мой|мои|мне) заказ* (номер); \
         отмен*|аннулир* (мой|мои|мне) [прошл*|предыдущ*|стар*|вчерашн*]; \
         отмен*|измен*|аннулир* (мой|мои) заказ* номер; отмен*|измен*|аннулир* заказ* который [я|мы] _; \
         отмен*|измен*|аннулир* заказ* котор* (уже) сделал*; измен* (мой) сделанный заказ; \
         измен*|поменя* в [моем|прошлом|вчерашнем] заказе; \
         cancel|change|drop|delete (my|the|that) (very) first|second|third|last|latest|previous|old|other|earlier|yesterdays (order|one) (number); \
         cancel|change (my|the) order number; cancel the order i placed|made (yesterday|before|earlier|[last week]); \
         cancel an order (number); change an order (number); cancel the one i (placed|made) (yesterday|before)",
    ),
    (
        Cue::Status,
        "статус; статус* (моего|мой|заказа) (заказа|заказ); (где|когда|что) (там|же) (с|будет|придет|приедет|привезут) (моим|мой|мои|моего) (заказ*) (с) мо* заказ*; где (же) заказ; где мои заказы; \
         что (там) с (моим) заказом; мой заказ (готов|приехал|отправили|пришел); готов ли (мой) заказ; заказ готов; \
         мой заказ не пришел; (заказ) (еще) не пришел; (заказ) не привезли; проверьте|проверить (мой|статус) (заказ|заказа); отследить; отслед* (заказ|мой) (заказ); \
         (я) делал* заказ; (я) (у вас) (вчера|уже|недавно) заказывал*|заказал* (вчера|уже|недавно); i ordered (it|them|something|some) (yesterday|before|earlier); когда придет|приедет|привезут|доставят|будет (мой|наш) заказ; когда (мой|наш) заказ (придет|приедет|привезут|доставят|будет); узнать (про|о|насчет) (мой|мои|моем|моего) заказ*; \
         узнать где (мой) заказ; (я) насчет заказа; по поводу (моего) заказа; про (мой) заказ; мой заказ отменили; мои заказы; \
         status; (check) (the) (on) status (of) (my|the|an) (order|orders); where is my order|delivery|package; wheres my order|delivery|package|stuff; \
         where are my orders|goods; (i) (want|wanted|would|like|id|need|calling) (to) (like) (to) (check|know|ask) about|on (my|an|the) order; \
         track (my|the|an) order|package; has my order (been) (shipped|sent|arrived|left); when will my order (arrive|come|[be delivered]|[be here]); \
         my order (hasnt|has|didnt|did) (not) (arrived|come|arrive); i (already) placed an order; what happened to my order; what about my order; is my order (ready|shipped)",
    ),
    (
        Cue::When,
        "когда (вы) (мне|его|ее|их|это|она|он|они) (его|ее|их) привезут|доставят|привезете|доставите|придет|приедет|приедут|ждать|будет|придут; \
         как скоро (привезут|доставят|будет|привезете|доставите); как быстро (вы) (привезут|доставят|привезете|доставите|доставляете|привозите); \
         (в|за) какие сроки (доставки|доставите); через сколько (дней|времени) (привезут|доставят|будет|придет); \
         [на какое время]; сколько (дней) ждать; сколько дней (доставка|ждать|идет); когда доставка; когда (можно|смогу) (будет) забрать; \
         when will (it|they|you|that) (arrive|come|be|deliver) (here|delivered|ready|it|them); when does it (arrive|come); how soon (will|can|would) (it|you|they) (arrive|deliver|come|be) (here|it|delivered); \
         when can (you|i) (deliver|[pick it up]|collect|expect|get) (it|them|this); how long will it take; when would it (arrive|come|[be delivered]); how fast (can|do) you deliver",
    ),
    (
        Cue::OrderNumber,
        "заказ* номер; номер (моего) заказа; заказ* под номером; заказ; заказа; заказу; заказе; заказы; заказом; заказов; \
         (my) order number (is); number of my order; order; orders; order no; the order number is",
    ),
];
